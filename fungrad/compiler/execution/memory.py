"""The buffer plan: where in the workspace each buffer lies, by the times of its first and last use."""

_ALIGNMENT = 64


def placed(buffers):
    """Where each buffer lies, in bytes, and how many there are in all.

    `buffers` are triples (bytes, time of the first use, time of the last one). Two of them share
    memory where one is last used before the other is first used. Larger ones are placed first, each
    at the lowest free place.
    """
    places, done = [0] * len(buffers), []  # done: (first, last, start, stop)
    for number in sorted(range(len(buffers)), key=lambda i: (-buffers[i][0], buffers[i][1])):
        nbytes, first, last = buffers[number]
        place = 0
        size = -(-max(nbytes, 1) // _ALIGNMENT) * _ALIGNMENT
        for start, stop in sorted([d[2:] for d in done if first <= d[1] and d[0] <= last]):
            if place + size <= start:
                break
            place = max(place, stop)
        places[number] = place
        done.append((first, last, place, place + size))
    return places, max([d[3] for d in done], default=0)
