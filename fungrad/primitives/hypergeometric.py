"""Hypergeometric functions: rows of the table of elementwise primitives.

Their derivatives in the argument are functions of the same kind with shifted parameters, those in
the parameters are in `parameter_derivatives`.
"""

from fungrad.primitives.elementwise import strong_multiply
from fungrad.primitives.special import library, not_differentiable, of_formula, row


def _family(name, letters):
    """The rows of a function, {"": itself, "a": its derivative in the parameter a, "aa": ...}."""
    rows = {}

    def in_parameter(done, letter):
        """How a tangent passes through a parameter of the function differentiated in `done`."""
        if len(done) == 2:
            word = f"the second derivative of {name}"
            return not_differentiable(word, "first" if letter == "a" else f"{letter}")
        word = "".join(sorted(done + letter))
        return lambda t, *given: strong_multiply(t, rows[word](*given[:-1]))

    def in_argument(done):
        """The same for the argument: the product rule for the ratio of parameters in front."""

        def passes(t, *given):
            *parameters, x, _ = given
            raised = [p + 1 for p in parameters]
            total = None
            for taken, rest in _parts(done):
                factor = _ratio(letters, parameters, taken)
                if factor is not None:
                    term = factor * rows[rest](*raised, x)
                    total = term if total is None else total + term
            return strong_multiply(t, total)

        return passes

    words = ["", *letters, *(a + b for i, a in enumerate(letters) for b in letters[i:])]
    for word in words:
        passes = *(in_parameter(word, letter) for letter in letters), in_argument(word)
        if word:
            rows[word] = row(f"{name}_{word}", of_formula(f"{name}_{word}"), *passes)
        else:
            rows[word] = library(name, *passes)
    return rows


def _parts(word):
    """Ways to share out letters between two factors, as pairs of words."""
    if not word:
        return [("", "")]
    first, rest = word[0], _parts(word[1:])
    return [(first + x, y) for x, y in rest] + [(x, first + y) for x, y in rest]


def _ratio(letters, parameters, taken):
    """The derivative of (product of all parameters but the last) / last; None where it is 0."""
    *upper, last = letters
    value = None
    for letter, p in zip(upper, parameters, strict=False):
        count = taken.count(letter)
        if count > 1:
            return None
        if not count:
            value = p if value is None else value * p
    lower = parameters[-1]
    count = taken.count(last)
    inverse = 1 / lower
    for k in range(count):
        inverse = inverse * (-(k + 1) / lower)
    return inverse if value is None else value * inverse


_KUMMER, _GAUSS = _family("hyp1f1", "ab"), _family("hyp2f1", "abc")
hyp1f1, hyp2f1 = _KUMMER[""], _GAUSS[""]
hyp1f1_a, hyp1f1_b = _KUMMER["a"], _KUMMER["b"]
hyp1f1_aa, hyp1f1_ab, hyp1f1_bb = _KUMMER["aa"], _KUMMER["ab"], _KUMMER["bb"]
hyp2f1_a, hyp2f1_b, hyp2f1_c = _GAUSS["a"], _GAUSS["b"], _GAUSS["c"]
hyp2f1_aa, hyp2f1_ab, hyp2f1_ac = _GAUSS["aa"], _GAUSS["ab"], _GAUSS["ac"]
hyp2f1_bb, hyp2f1_bc, hyp2f1_cc = _GAUSS["bb"], _GAUSS["bc"], _GAUSS["cc"]
