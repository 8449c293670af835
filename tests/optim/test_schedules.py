"""Schedules against their formulas, step by step, by plain numbers and compiled."""

import math

import numpy as np
import pytest

from fungrad import jit, optim


def polynomial(n):
    return (1.0 - 0.1) * (1 - min(max(n - 3, 0), 10) / 10) ** 2 + 0.1


def staircase(n):
    return max(2.0 * 0.5 ** math.floor(max(n - 2, 0) / 5), 0.3)


def warm_cosine(n):
    if n < 5:
        return n / 5
    return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(n - 5, 15) / 15))


def cycle(n):
    if n < 9:
        return 0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * n / 9))
    if n < 30:
        return 1.0 + (4e-6 - 1.0) * 0.5 * (1 - math.cos(math.pi * (n - 9) / 21))
    return 4e-6


def lines(n):
    points = ([0, 9, 25, 30], [0.04, 1.0, 0.04, 4e-6])
    return float(np.interp(n, *points))


SCHEDULES = [
    (optim.constant_schedule(0.3), lambda n: 0.3),
    (optim.polynomial_schedule(1.0, 0.1, 2, 10, 3), polynomial),
    (optim.linear_schedule(0.5, 1.5, 8), lambda n: 0.5 + min(n, 8) / 8),
    (optim.exponential_decay(1.0, 10, 0.5), lambda n: 0.5 ** (n / 10)),
    (optim.exponential_decay(2.0, 5, 0.5, 2, True, 0.3), staircase),
    (optim.exponential_decay(1.0, 5, 1.5, end_value=3.0), lambda n: min(1.5 ** (n / 5), 3.0)),
    (
        optim.cosine_decay_schedule(2.0, 10, 0.1, 2.0),
        lambda n: 2 * (0.9 * (0.5 * (1 + math.cos(math.pi * min(n, 10) / 10))) ** 2 + 0.1),
    ),
    (
        optim.piecewise_constant_schedule(1.0, {10: 0.5, 4: 0.1}),
        lambda n: 1.0 * (0.1 if n >= 4 else 1) * (0.5 if n >= 10 else 1),
    ),
    (optim.warmup_constant_schedule(0.0, 1.0, 5), lambda n: min(n / 5, 1.0)),
    (optim.warmup_cosine_decay_schedule(0.0, 1.0, 5, 20, 0.1), warm_cosine),
    (
        optim.warmup_exponential_decay_schedule(0.0, 1.0, 5, 10, 0.5),
        lambda n: n / 5 if n < 5 else 0.5 ** ((n - 5) / 10),
    ),
    (
        optim.join_schedules(
            [optim.linear_schedule(0.0, 1.0, 4), optim.constant_schedule(7.0)], [6]
        ),
        lambda n: min(n / 4, 1.0) if n < 6 else 7.0,
    ),
    (optim.cosine_onecycle_schedule(30, 1.0), cycle),
    (optim.linear_onecycle_schedule(30, 1.0), lines),
]


@pytest.mark.parametrize(("schedule", "formula"), SCHEDULES)
def test_schedule(schedule, formula):
    compiled = jit(schedule)
    for n in range(40):
        expected = pytest.approx(formula(n), rel=1e-12, abs=1e-15)
        assert schedule(n) == expected, n
        if n % 4 == 1:
            assert compiled(np.int32(n)) == expected, n
