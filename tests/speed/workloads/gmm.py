"""The log-posterior of a Gaussian mixture, full covariances, Wishart prior (GradBench's gmm)."""

from math import lgamma, log, pi, sqrt

import numpy

SIZES = ((2, 5, 1000), (10, 25, 1000), (32, 50, 1000))
TINY = ((3, 2, 4), (1, 1, 2))
PEERS = ("jax", "torch")
CPP = {(2, 5, 1000): 1.08, (10, 25, 1000): 1.01, (32, 50, 1000): 1.71}

M, GAMMA = 0, 1.0  # of the prior


def data(D, K, N):
    """Points, weights, means, log-diagonals and strict lower triangles."""
    generator = numpy.random.default_rng(31337)
    x = generator.normal(size=(N, D))
    alpha = generator.normal(size=K)
    means = generator.uniform(size=(K, D))
    q = generator.normal(size=(K, D))
    return x, (alpha, means, q, generator.normal(size=(K, D * (D - 1) // 2)))


def inputs(D, K, N):
    return data(D, K, N)[1]


def lower_triangle(D):
    """The rows and columns of the entries, column by column."""
    columns, rows = numpy.triu_indices(D, 1)
    return rows, columns


def constant(D, K, N):
    """What does not depend on the parameters."""
    n = D + M + 1
    gammas = sum(lgamma(n / 2 + (1 - j) / 2) for j in range(1, D + 1))
    prior = n * D * log(GAMMA / sqrt(2)) - D * (D - 1) / 4 * log(pi) - gammas
    return -N * D / 2 * log(2 * pi) + K * prior


def primal(library, D, K, N):
    np = library.numpy
    x = np.asarray(data(D, K, N)[0])
    rows, columns = lower_triangle(D)
    diagonal = numpy.arange(D)

    def log_sum_exp(a):
        top = np.max(a, axis=-1, keepdims=True)
        return top[..., 0] + np.log(np.sum(np.exp(a - top), axis=-1))

    def objective(alpha, means, q, lower):
        Q = np.zeros((K, D, D)).at[:, diagonal, diagonal].set(np.exp(q))
        Q = Q.at[:, rows, columns].set(lower)
        y = np.einsum("kij,nkj->nki", Q, x[:, None, :] - means)
        weights = alpha + np.sum(q, axis=1)
        each = log_sum_exp(weights - np.sum(y * y, axis=-1) / 2)
        squares = np.sum(np.exp(q) ** 2) + np.sum(lower**2)
        prior = GAMMA**2 / 2 * squares - M * np.sum(q)
        return np.sum(each) - N * log_sum_exp(alpha) - prior + constant(D, K, N)

    return objective


def torch_primal(torch, D, K, N):
    x = torch.tensor(data(D, K, N)[0])
    rows, columns = map(torch.tensor, lower_triangle(D))
    diagonal = torch.arange(D)

    def objective(alpha, means, q, lower):
        Q = torch.zeros((K, D, D), dtype=x.dtype)
        Q[:, diagonal, diagonal] = torch.exp(q)
        Q[:, rows, columns] = lower
        y = torch.einsum("kij,nkj->nki", Q, x[:, None, :] - means)
        each = torch.logsumexp(alpha + q.sum(1) - (y * y).sum(-1) / 2, 1)
        squares = (torch.exp(q) ** 2).sum() + (lower**2).sum()
        prior = GAMMA**2 / 2 * squares - M * q.sum()
        return each.sum() - N * torch.logsumexp(alpha, 0) - prior + constant(D, K, N)

    return objective
