"""A layered layout of a directed graph without cycles (after Sugiyama, Tagawa and Toda, 1981).

Layers by the longest path; long edges get a point in every layer that they cross; the order in a
layer by sweeps of medians, of which the best is kept; places by least squares.
"""

from bisect import bisect_right, insort
from dataclasses import dataclass, field

import numpy as np

_SWEEPS = 12
_PATIENCE = 4  # sweeps without fewer crossings
_ROUNDS = 24
_GAP = 22.0  # between neighbours in a layer
_POINT = 6.0  # the width that a passing edge takes


@dataclass(eq=False)
class Box:
    """A node: its size, what it shows, and, after `place`, its centre."""

    width: float
    height: float
    content: object = None
    is_start: bool = False  # what does not come from a start stands as near its use as it can
    x: float = 0.0
    y: float = 0.0
    layer: int = 0


@dataclass(eq=False)
class Line:
    """An edge between two boxes; after `place`, the points that it passes."""

    tail: Box
    head: Box
    content: object = None
    points: list = field(default_factory=list)


def place(boxes, lines, distance=58.0):
    """Give every box its centre and every line its points; return width and height."""
    if not boxes:
        return 0.0, 0.0
    _set_layers(boxes, lines)
    layers, above, below, chains = _with_points(boxes, lines)
    layers = _ordered(layers, above, below)
    _set_x(layers, above, below)
    y = 0.0
    for k, layer in enumerate(layers):
        tallest = max((b.height for b in layer), default=0)
        y += tallest / 2 if not k else max(distance, tallest + 24)
        for box in layer:
            box.y = y
    left = min(b.x - b.width / 2 for layer in layers for b in layer)
    for layer in layers:
        for box in layer:
            box.x -= left
    for line in lines:
        chain = chains.get(line, [line.tail, line.head])
        line.points = _bends([(b.x, b.y) for b in chain])
    width = max(b.x + b.width / 2 for layer in layers for b in layer)
    return width, y + max(b.height for b in layers[-1]) / 2


def _bends(points):
    """The points of a line without those at which it goes straight down."""
    inner = zip(points, points[1:], points[2:], strict=False)
    kept = [b for a, b, c in inner if abs(a[0] - b[0]) > 0.5 or abs(b[0] - c[0]) > 0.5]
    return [points[0], *kept, points[-1]]


def _set_layers(boxes, lines):
    """The longest path from a source; sources, and what comes from no start, right above their use."""
    after, waiting = {b: [] for b in boxes}, dict.fromkeys(boxes, 0)
    for line in lines:
        after[line.tail].append(line.head)
        waiting[line.head] += 1
    is_source = {b: not waiting[b] for b in boxes}
    ready = [b for b in boxes if is_source[b]]
    order, comes_from_start = [], {b: b.is_start for b in boxes}
    while ready:
        box = ready.pop()
        order.append(box)
        for head in after[box]:
            head.layer = max(head.layer, box.layer + 1)
            comes_from_start[head] |= comes_from_start[box]
            waiting[head] -= 1
            if not waiting[head]:
                ready.append(head)
    for box in reversed(order):
        if after[box] and (is_source[box] or not comes_from_start[box]):
            box.layer = min(head.layer for head in after[box]) - 1


def _with_points(boxes, lines):
    """Layers with a point wherever a line crosses, the neighbours above and below, the chains.

    Lines that bring the same to several boxes are one line as far as they go together.
    """
    layers = [[] for _ in range(1 + max(b.layer for b in boxes))]
    for box in boxes:
        layers[box.layer].append(box)
    above, below, chains = {b: [] for b in boxes}, {b: [] for b in boxes}, {}
    trunks = {}

    def join(a, b):
        below[a].append(b)
        above[b].append(a)

    for line in lines:
        trunk = trunks.setdefault((line.tail, line.content), [line.tail])
        for k in range(line.tail.layer + len(trunk), line.head.layer):
            point = Box(_POINT, 0.0, layer=k)
            above[point], below[point] = [], []
            layers[k].append(point)
            join(trunk[-1], point)
            trunk.append(point)
        chain = trunk[: line.head.layer - line.tail.layer]
        join(chain[-1], line.head)
        chains[line] = [*chain, line.head]
    return layers, above, below, chains


def _ordered(layers, above, below):
    """The order of each layer with the fewest crossings that some sweeps found."""
    best, fewest, last = layers, _crossings(layers, below), 0
    for sweep in range(_SWEEPS):
        if sweep - last > _PATIENCE:
            break
        down = sweep % 2 == 0
        layers = [list(layer) for layer in layers]
        neighbours = above if down else below
        numbers = range(1, len(layers)) if down else range(len(layers) - 2, -1, -1)
        for k in numbers:
            fixed = {b: i for i, b in enumerate(layers[k - 1 if down else k + 1])}
            layers[k] = _by_median(layers[k], fixed, neighbours)
        count = _crossings(layers, below)
        if count < fewest:
            best, fewest, last = layers, count, sweep
    return best


def _by_median(layer, fixed, neighbours):
    keys = {}
    for i, box in enumerate(layer):
        near = neighbours[box]
        if len(near) == 1:
            keys[box] = (fixed[near[0]], i)
            continue
        places = sorted([fixed[n] for n in near])
        middle = len(places) // 2
        mean = (places[middle] + places[~middle]) / 2 if places else i
        keys[box] = (mean, i)
    return sorted(layer, key=keys.get)


def _crossings(layers, below):
    """How many pairs of lines cross between neighbouring layers."""
    total = 0
    for upper, lower in zip(layers, layers[1:], strict=False):
        place = {b: i for i, b in enumerate(lower)}
        before = []  # the ends of the lines so far, in order
        for b in upper:
            near = below[b]
            for i in [place[near[0]]] if len(near) == 1 else sorted([place[n] for n in near]):
                if not before or i >= before[-1]:
                    before.append(i)
                else:
                    total += len(before) - bisect_right(before, i)
                    insort(before, i)
    return total


def _set_x(layers, above, below):
    """Places near the mean of the neighbours' places, in order and with gaps, by turns."""
    boxes = [box for layer in layers for box in layer]
    numbers = {box: i for i, box in enumerate(boxes)}
    width = np.array([box.width for box in boxes])
    heavy = np.array([4.0 - 3.0 * bool(box.height) for box in boxes])  # points keep lines straight
    x, spans, first = np.empty(len(boxes)), [], 0
    for layer in layers:
        span = slice(first, first + len(layer))
        offsets = np.cumsum(width[span] + _GAP) - width[span] / 2
        x[span] = offsets - offsets[:1] + width[span][:1] / 2
        spans.append((span, offsets))
        first = span.stop
    ways = [_Neighbours(layers, numbers, *given) for given in ((below,), (above,), (above, below))]
    for turn in range(_ROUNDS):
        down = turn % 2 == 1
        way = ways[2 if 4 <= turn < _ROUNDS - 2 else down]
        order = range(len(layers)) if down else reversed(range(len(layers)))
        for k in order:
            span, offsets = spans[k]
            mean, is_free = way.mean(k, x, x[span])
            x[span] = _separated(mean - offsets, np.where(is_free, 0.05, heavy[span])) + offsets
    for box, place in zip(boxes, x.tolist(), strict=True):
        box.x = place


class _Neighbours:
    """The neighbours of every box of each layer, as pairs of numbers."""

    def __init__(self, layers, numbers, *sides):
        self.layers = []
        for layer in layers:
            pairs = [(i, numbers[n]) for i, box in enumerate(layer) for s in sides for n in s[box]]
            rows, near = np.array(pairs, int).reshape(-1, 2).T
            self.layers.append((rows, near, np.bincount(rows, minlength=len(layer))))

    def mean(self, k, x, own):
        """The mean place of the neighbours of each box of a layer, or its own; which have none."""
        rows, near, count = self.layers[k]
        total = np.bincount(rows, x[near], minlength=len(count))
        return np.where(count > 0, total / np.maximum(count, 1), own), count == 0


def _separated(wanted, weights):
    """The places closest to the wanted ones, by weights, that do not fall.

    With the gaps taken off, these are the places that keep order and gaps. Neighbours that fall are
    pooled, which solves this monotone regression.
    """
    if np.all(wanted[1:] >= wanted[:-1]):
        return wanted
    pools = []  # [mean, weight, count]
    for mean, weight in zip(wanted.tolist(), weights.tolist(), strict=True):
        count = 1
        while pools and pools[-1][0] > mean:
            other, more, many = pools.pop()
            mean = (mean * weight + other * more) / (weight + more)
            weight, count = weight + more, count + many
        pools.append((mean, weight, count))
    means, _, counts = zip(*pools, strict=True)
    return np.repeat(means, counts)
