"""Bernoulli numbers, from which the asymptotic series of gamma and zeta functions are made."""

#: Numerators and denominators of B(2), B(4), ...
_NUMBERS = (
    (1, 6),
    (-1, 30),
    (1, 42),
    (-1, 30),
    (5, 66),
    (-691, 2730),
    (7, 6),
    (-3617, 510),
    (43867, 798),
    (-174611, 330),
    (854513, 138),
    (-236364091, 2730),
)


def bernoulli_numbers(count, divisor=lambda n: 1):
    """B(n) / divisor(n) for the first even numbers n = 2, 4, ..., correctly rounded.

    >>> bernoulli_numbers(3, lambda n: n)
    (0.08333333333333333, -0.008333333333333333, 0.003968253968253968)
    """
    return tuple(
        [above / (below * divisor(2 * i + 2)) for i, (above, below) in enumerate(_NUMBERS[:count])]
    )
