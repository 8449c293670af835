"""Bundle adjustment: reprojection errors, and their sparse Jacobian in CSR (GradBench's ba).

A camera is a rotation (3), a centre (3), a focal length, a principal point (2) and two radial
distortions; observation i is of camera i mod n and point i mod m, with a weight and a feature.
"""

import numpy

SIZES = ((49, 7776, 500), (49, 7776, 31843), (257, 65132, 225_911))
TINY = ((2, 3, 5), (1, 1, 1))
PEERS = ("jax", "torch")
CPP = {(49, 7776, 500): 2.48, (49, 7776, 31843): 3.39, (257, 65132, 225_911): 3.30}


def inputs(n, m, p):
    generator = numpy.random.default_rng(31337)
    camera = [0.01, 0.02, -0.03, 0.1, 0.2, 0.3, 500.0, 320.0, 240.0, -1e-2, 1e-3]
    cameras = camera * (1 + 0.05 * generator.uniform(size=(n, 11)))
    points = generator.uniform(-1, 1, (m, 3)) + [0, 0, 5]
    weights = generator.uniform(0.1, 0.9, p)
    return cameras, points, weights, generator.uniform(0, 600, (p, 2))


def observed(n, m, p):
    """The camera and the point of each observation."""
    return numpy.arange(p) % n, numpy.arange(p) % m


def residual_of(np):
    """The weighted error of one observation."""

    def rotated(r, y):
        square = np.sum(r * r)
        turns = square > 0
        angle = np.sqrt(np.where(turns, square, 1.0))
        axis = r / angle
        cos, sin = np.cos(angle), np.sin(angle)
        turned = y * cos + np.cross(axis, y) * sin + axis * (np.sum(axis * y) * (1 - cos))
        return np.where(turns, turned, y + np.cross(r, y))

    def residual(camera, point, weight, feature):
        z = rotated(camera[:3], point - camera[3:6])
        q = z[:2] / z[2]
        square = np.sum(q * q)
        distorted = q * (1 + camera[9] * square + camera[10] * square**2)
        return weight * (distorted * camera[6] + camera[7:9] - feature)

    return residual


def primal(library, n, m, p):
    of_camera, of_point = observed(n, m, p)
    residual = library.vmap(residual_of(library.numpy))

    def objective(cameras, points, weights, features):
        errors = residual(cameras[of_camera], points[of_point], weights, features)
        return errors, 1 - weights * weights

    return objective


def derivative(library, n, m, p):
    """The Jacobian's row pointers, columns and values."""
    np = library.numpy
    of_camera, of_point = map(np.asarray, observed(n, m, p))
    jacobian = library.vmap(library.jacrev(residual_of(np), (0, 1, 2)))

    def rows_columns_values(cameras, points, weights, features):
        blocks = jacobian(cameras[of_camera], points[of_point], weights, features)
        by_camera, by_point, by_weight = blocks
        entries = np.concatenate([by_camera, by_point, by_weight[:, :, None]], axis=2)
        last = 11 * n + 3 * m + np.arange(p)
        columns = [
            11 * of_camera[:, None] + np.arange(11),
            11 * n + 3 * of_point[:, None] + np.arange(3),
            last[:, None],
        ]
        columns = np.repeat(np.concatenate(columns, axis=1)[:, None, :], 2, axis=1)
        rows = np.concatenate([15 * np.arange(2 * p + 1), 30 * p + 1 + np.arange(p)])
        values = np.concatenate([entries.reshape(-1), -2 * weights])
        return rows, np.concatenate([columns.reshape(-1), last]), values

    return rows_columns_values


def torch_primal(torch, n, m, p):
    return primal(torch_as_library(torch), n, m, p)


def torch_derivative(torch, n, m, p):
    return derivative(torch_as_library(torch), n, m, p)


def torch_as_library(torch):
    """PyTorch with the names that are used here."""
    from types import SimpleNamespace

    def where(condition, x, y):
        return torch.where(condition, torch.as_tensor(x), torch.as_tensor(y))

    names = {
        "asarray": torch.as_tensor,
        "concatenate": torch.cat,
        "repeat": lambda x, n, axis: torch.repeat_interleave(x, n, dim=axis),
        "cross": lambda x, y: torch.linalg.cross(x, y),
        "where": where,
        **{name: getattr(torch, name) for name in ("arange", "cos", "sin", "sqrt", "sum")},
    }
    transforms = {"vmap": torch.func.vmap, "jacrev": torch.func.jacrev}
    return SimpleNamespace(numpy=SimpleNamespace(**names), **transforms)
