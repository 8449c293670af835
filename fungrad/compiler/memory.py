"""The buffer plan: where in the workspace each buffer lies, by the times of its first and last use."""

_ALIGNMENT = 64


def place_buffers(entry):
    """Place the workspace buffers of an entry; return the size of the workspace in bytes.

    Two buffers share memory where one is last used before the other is first used. Larger buffers
    are placed first, each at the lowest free place.
    """
    entry.close_lifetimes()
    used = [b for b in entry.buffers if b.first is not None]
    placed = []  # (buffer, start, stop)
    for buffer in sorted(used, key=lambda b: (-b.nbytes, b.first)):
        overlapping = sorted(
            (start, stop)
            for other, start, stop in placed
            if buffer.first <= other.last and other.first <= buffer.last
        )
        place = 0
        size = -(-max(buffer.nbytes, 1) // _ALIGNMENT) * _ALIGNMENT
        for start, stop in overlapping:
            if place + size <= start:
                break
            place = max(place, stop)
        placed.append((buffer, place, place + size))
    for buffer, start, _ in placed:
        entry.sizes[buffer.slot] = start
    for buffer in entry.buffers:
        if buffer.first is None:
            entry.sizes[buffer.slot] = 0
    return max((stop for _, _, stop in placed), default=0)
