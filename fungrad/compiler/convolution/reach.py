"""Windows over a dilated input, by phases: what places that are a dilation apart have in common."""

from dataclasses import dataclass


@dataclass
class Phase:
    """The places start, start + step, ... of a label, `count` of them, and what they meet.

    Place q of them meets element k of the kernel at place reach[k] + q * distance of the image with
    its surroundings.
    """

    start: int
    step: int
    count: int
    distance: int
    reach: dict


class Reach:
    """Along one label: the phases, and how the image lies in its surroundings."""

    def __init__(self, window, n, width):
        w, self.n = window, n
        found = []
        for start in range(min(w.left, w.size)):
            meets = {}
            for k in range(width):
                place = w.out * start + w.right * k + w.offset
                if place % w.left == 0:
                    meets[k] = place // w.left
            found.append((start, -(-(w.size - start) // w.left), meets))
        ends = [
            m + w.out * q
            for _, count, meets in found
            for m in meets.values()
            for q in (0, count - 1)
        ]
        self.low, high = min(ends, default=0), max(ends, default=0)
        self.size = high - self.low + 1
        self.is_inside = self.low >= 0 and high < n
        self.phases = [
            Phase(start, w.left, count, w.out, {k: m - self.low for k, m in meets.items()})
            for start, count, meets in found
        ]
        self.most = max((p.count for p in self.phases), default=0)

    @property
    def common(self):
        """The part of the image that is covered: first element, how many, where in the whole."""
        first, last = max(0, self.low), min(self.n - 1, self.low + self.size - 1)
        return first, max(0, last - first + 1), first - self.low
