"""A layered layout of a directed graph without cycles (after Sugiyama, Tagawa and Toda, 1981).

Layers by the longest path; long edges get a point in every layer that they cross; the order in a
layer by sweeps of medians, of which the best is kept; places by least squares.
"""

from dataclasses import dataclass, field

_SWEEPS = 12
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
    """Layers with a point wherever a line crosses, the neighbours above and below, the chains."""
    layers = [[] for _ in range(1 + max(b.layer for b in boxes))]
    for box in boxes:
        layers[box.layer].append(box)
    above, below, chains = {b: [] for b in boxes}, {b: [] for b in boxes}, {}
    for line in lines:
        chain = [line.tail]
        for k in range(line.tail.layer + 1, line.head.layer):
            point = Box(_POINT, 0.0, layer=k)
            above[point], below[point] = [], []
            layers[k].append(point)
            chain.append(point)
        chain.append(line.head)
        chains[line] = chain
        for a, b in zip(chain, chain[1:], strict=False):
            below[a].append(b)
            above[b].append(a)
    return layers, above, below, chains


def _ordered(layers, above, below):
    """The order of each layer with the fewest crossings that some sweeps found."""
    best, fewest = layers, _crossings(layers, below)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        layers = [list(layer) for layer in layers]
        neighbours = above if down else below
        numbers = range(1, len(layers)) if down else range(len(layers) - 2, -1, -1)
        for k in numbers:
            fixed = {b: i for i, b in enumerate(layers[k - 1 if down else k + 1])}
            layers[k] = _by_median(layers[k], fixed, neighbours)
        count = _crossings(layers, below)
        if count < fewest:
            best, fewest = layers, count
    return best


def _by_median(layer, fixed, neighbours):
    keys = {}
    for i, box in enumerate(layer):
        places = sorted(fixed[n] for n in neighbours[box] if n in fixed)
        middle = len(places) // 2
        mean = (places[middle] + places[~middle]) / 2 if places else i
        keys[box] = (mean, i)
    return sorted(layer, key=keys.get)


def _crossings(layers, below):
    """How many pairs of lines cross between neighbouring layers."""
    total = 0
    for upper, lower in zip(layers, layers[1:], strict=False):
        place = {b: i for i, b in enumerate(lower)}
        ends = [i for b in upper for i in sorted(place[n] for n in below[b] if n in place)]
        total += sum(a > b for k, a in enumerate(ends) for b in ends[k + 1 :])
    return total


def _set_x(layers, above, below):
    """Places near the mean of the neighbours' places, in order and with gaps, by turns."""
    for layer in layers:
        x = 0.0
        for box in layer:
            box.x = x + box.width / 2
            x += box.width + _GAP
    for turn in range(_ROUNDS):
        down = turn % 2 == 1
        has_both = 4 <= turn < _ROUNDS - 2
        for layer in layers if down else reversed(layers):
            wanted = []
            for box in layer:
                near = (above if down else below)[box]
                if has_both:
                    near = [*above[box], *below[box]]
                mean = sum(n.x for n in near) / len(near) if near else box.x
                wanted.append((mean, 1.0 + 3.0 * (not box.height) if near else 0.05))
            _separate(layer, wanted)


def _separate(layer, wanted):
    """The places closest to the wanted ones, by weights, that keep order and gaps.

    Without the gaps this is monotone regression, which pooling of neighbours solves.
    """
    offsets, offset = [], 0.0
    for k, box in enumerate(layer):
        if k:
            offset += (layer[k - 1].width + box.width) / 2 + _GAP
        offsets.append(offset)
    pools = []  # [sum of weight * place, sum of weight, count]
    for (x, weight), offset in zip(wanted, offsets, strict=True):
        pools.append([weight * (x - offset), weight, 1])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            total, weight, count = pools.pop()
            pools[-1][0] += total
            pools[-1][1] += weight
            pools[-1][2] += count
    places = [total / weight for total, weight, count in pools for _ in range(count)]
    for box, x, offset in zip(layer, places, offsets, strict=True):
        box.x = x + offset
