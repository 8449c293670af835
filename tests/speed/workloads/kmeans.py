"""The cost of k means, and its Newton direction by forward over reverse (GradBench's kmeans)."""

import numpy

SIZES = ((10, 1000, 8), (100, 10_000, 8), (1000, 10_000, 16))
TINY = ((2, 7, 3), (3, 20, 1))
PEERS = ("jax", "torch")
CPP = {(10, 1000, 8): 1.85, (100, 10_000, 8): 1.66, (1000, 10_000, 16): 2.11}


def inputs(k, n, d):
    points = numpy.random.default_rng(31337).uniform(size=(n, d))
    return points[-k:].copy(), points


def primal(library, k, n, d):
    np = library.numpy

    def cost(centroids, points):
        return np.sum(np.min(np.sum((points[:, None, :] - centroids) ** 2, axis=-1), axis=1))

    return cost


def derivative(library, k, n, d):
    return direction(library, primal(library, k, n, d))


def direction(library, cost):
    """The gradient over the diagonal of the Hessian, which is its product with ones."""

    def of(centroids, points):
        gradient = library.grad(lambda c: cost(c, points))
        g, h = library.jvp(gradient, (centroids,), (library.numpy.ones_like(centroids),))
        return g / h

    return of


def jax_derivative(jax, k, n, d):
    np = jax.numpy

    def cost(centroids, points):
        distances = np.sum((points[:, None, :] - centroids) ** 2, axis=-1)
        nearest = np.argmin(jax.lax.stop_gradient(distances), axis=1)
        return np.sum((points - centroids[nearest]) ** 2)

    return direction(jax, cost)


def expected(size, centroids, points):
    nearest = ((points[:, None, :] - centroids) ** 2).sum(-1).argmin(1)
    means = [points[nearest == j].mean(0) for j in range(len(centroids))]
    return centroids - numpy.array(means)


def torch_primal(torch, k, n, d):
    def cost(centroids, points):
        return ((points[:, None, :] - centroids) ** 2).sum(-1).min(1).values.sum()

    return cost


def torch_derivative(torch, k, n, d):
    cost = torch_primal(torch, k, n, d)

    def of(centroids, points):
        gradient = torch.func.grad(lambda c: cost(c, points))
        g, h = torch.func.jvp(gradient, (centroids,), (torch.ones_like(centroids),))
        return g / h

    return of
