"""Convolutions by kernels of one element: the pixels of an image are one line."""

from fungrad.compiler.language.views import View


def flattened(primitive, x, y, target):
    """The same convolution over fewer axes, where kernels have one element along two of them.

    So tiles go over all pixels of an image without an end of a row between them.
    """
    while (pair := _joined_pair(primitive, x, y, target)) is not None:
        primitive, x, y, target = _joined(primitive, x, y, target, *pair)
    return primitive, x, y, target


def _joined_pair(primitive, x, y, target):
    """Two labels that slide, whose places are the elements of x themselves, in memory as one axis."""
    trivial = [i for i in range(len(primitive.windows)) if _is_trivial(primitive, i, x, y)]
    for i in trivial:
        for j in trivial:
            views = (x, primitive.left), (target, primitive.out)
            if i != j and all(_are_one(v, labels.index(i), labels.index(j)) for v, labels in views):
                return i, j
    return None


def _is_trivial(primitive, i, x, y):
    w, n = primitive.windows[i], x.shape[primitive.left.index(i)]
    is_all = w.size == n and (w.left, w.out, w.offset) == (1, 1, 0)
    return is_all and y.shape[primitive.right.index(i)] == 1 and not primitive.keeps_inside


def _are_one(view, a, b):
    return view.strides[a] == view.strides[b] * view.shape[b]


def _joined(primitive, x, y, target, i, j):
    """The convolution in which label i stands for the places of i and j."""
    n = x.shape[primitive.left.index(j)]
    new = lambda label: label - (label > j)
    windows = list(primitive.windows)
    windows[i] = windows[i]._replace(size=windows[i].size * n)
    del windows[j]
    views, labels = [], []
    for view, given in ((x, primitive.left), (y, primitive.right), (target, primitive.out)):
        shape, strides = list(view.shape), list(view.strides)
        a, b = given.index(i), given.index(j)
        if view is not y:
            shape[a], strides[a] = shape[a] * n, strides[b]
        del shape[b], strides[b]
        views.append(View(view.buffer, view.offset, tuple(shape), tuple(strides)))
        labels.append(tuple([new(label) for label in given if label != j]))
    left, right, out = labels
    fields = {"left": left, "right": right, "out": out, "windows": tuple(windows)}
    return primitive.replace(**fields), *views
