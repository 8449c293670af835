"""Which arguments a transform looks at, and which kinds of functions it takes."""

import functools

import numpy as np
import pytest

from fungrad import grad, jacrev, jit, vmap

RUN = pytest.mark.parametrize("run", [lambda f: f, jit], ids=["eager", "jit"])


def scaled(x, y, z=2.0):
    """Its gradients are y * z, x * z and x * y."""
    return x * y * z


def square(x):
    return x * x


# ---- by position and by name


@RUN
@pytest.mark.parametrize(
    "argnums, expected",
    [
        (0, 10.0),
        (1, 6.0),
        (-1, 15.0),
        (-3, 10.0),
        ((0,), (10.0,)),
        ((0, 2), (10.0, 15.0)),
        ((2, 0), (15.0, 10.0)),
        ([0, 1], (10.0, 6.0)),
        ((0, -1), (10.0, 15.0)),
        (np.int64(1), 6.0),
        ((np.int32(0), np.int64(1)), (10.0, 6.0)),
        ((), ()),
    ],
)
def test_arguments_by_position(run, argnums, expected):
    assert run(grad(scaled, argnums))(3.0, 5.0, 2.0) == expected


@RUN
@pytest.mark.parametrize(
    "argnames, expected",
    [
        ("x", 10.0),
        ("z", 15.0),
        (("x", "z"), {"x": 10.0, "z": 15.0}),
        (["y"], {"y": 6.0}),
    ],
)
def test_arguments_by_name_in_either_spelling_of_the_call(run, argnames, expected):
    derivative = run(grad(scaled, argnames=argnames))
    assert derivative(3.0, 5.0, 2.0) == expected
    assert derivative(3.0, 5.0, z=2.0) == expected
    assert derivative(x=3.0, z=2.0, y=5.0) == expected


def test_names_may_stand_in_argnums():
    assert grad(scaled, "y")(3.0, 5.0) == 6.0
    assert grad(scaled, ("x", "y"))(3.0, 5.0) == {"x": 10.0, "y": 6.0}


@RUN
def test_keyword_arguments_pass_through(run):
    def f(x, *, power, offset=0.0):
        return x**power + offset

    assert run(grad(f))(3.0, power=2.0) == 6.0
    assert run(grad(f, argnames="offset"))(3.0, power=2.0, offset=1.0) == 1.0
    assert run(grad(lambda x, **rest: x * rest["a"], argnames="a"))(3.0, a=2.0) == 3.0


def test_variable_arguments():
    assert grad(lambda *xs: xs[0] * xs[1] * xs[2], (0, 2))(2.0, 3.0, 5.0) == (15.0, 6.0)
    assert grad(lambda *xs: xs[0] * xs[1], -1)(2.0, 3.0) == 2.0


@pytest.mark.parametrize("argnums", [1, -2, (0, 1), 5])
def test_a_position_that_does_not_exist(argnums):
    with pytest.raises(TypeError, match=r"grad of square: argnums=.*1 positional argument") as e:
        grad(square, argnums)(1.0)
    assert "keywords" not in str(e.value)
    with pytest.raises(TypeError, match="keywords b; use argnames"):
        grad(lambda a, b: a * b, 1)(1.0, b=2.0)


def test_arguments_that_are_named_wrongly_or_twice():
    with pytest.raises(TypeError, match="grad of scaled: the call has no argument named 'w'"):
        grad(scaled, argnames="w")(1.0, 2.0)
    with pytest.raises(TypeError, match="named 'z'"):
        grad(scaled, argnames="z")(1.0, 2.0)
    with pytest.raises(TypeError, match="grad of scaled: argnums=.*twice"):
        grad(scaled, (0, -3))(1.0, 2.0, 3.0)
    with pytest.raises(TypeError, match="grad of scaled: argnums=1.5"):
        grad(scaled, 1.5)(1.0, 2.0, 3.0)
    with pytest.raises(TypeError, match="grad: expected a function, got 3"):
        grad(3)


# ---- what kinds of functions


class Model:
    def __init__(self, weight):
        self.weight = weight

    def __call__(self, x):
        return self.weight * x

    def loss(self, x):
        return (self(x) - 1.0) ** 2

    @staticmethod
    def static(x):
        return x**3

    @classmethod
    def of_class(cls, x):
        return 2 * x


@RUN
def test_methods_callable_objects_and_partial_functions(run):
    model = Model(3.0)
    assert run(grad(model))(2.0) == 3.0
    assert run(grad(model.loss))(2.0) == 30.0
    assert run(grad(Model.static))(2.0) == 12.0
    assert run(grad(Model.of_class))(2.0) == 2.0
    assert run(grad(functools.partial(scaled, 3.0)))(5.0) == 6.0
    assert run(grad(functools.partial(scaled, z=4.0), 1))(3.0, 5.0) == 12.0
    assert run(grad(np.tanh))(0.0) == 1.0
    assert run(grad(functools.partial(np.multiply, 3.0)))(5.0) == 3.0


def test_grad_as_a_decorator_keeps_the_name():
    @grad
    def cube(x):
        """x**3"""
        return x**3

    assert cube(2.0) == 12.0
    assert cube.__name__ == "cube" and cube.__doc__ == "x**3"
    assert grad(grad(cube))(2.0) == 6.0


def test_grad_of_a_jitted_method_and_of_a_decorated_method():
    class Line:
        slope = 4.0

        @functools.partial(jit, static_argnums=0)
        def compiled(self, x):
            return self.slope * x

        def gradient(self, x):
            return grad(self.compiled)(x)

    assert Line().gradient(1.0) == 4.0


@RUN
def test_closures_over_arrays_and_outer_tracers(run):
    weights = np.array([1.0, 2.0, 3.0])
    assert run(grad(lambda x: (weights * x).sum()))(2.0) == 6.0

    def outer(a):
        inner = grad(lambda x: x * x * a + a * a)(a)  # 2 a**2
        return inner * a

    assert run(grad(outer))(2.0) == 24.0
    assert run(grad(grad(outer)))(2.0) == 24.0


def test_a_closed_over_array_may_change_between_calls():
    weights = np.array([1.0, 2.0])
    derivative = grad(lambda x: (weights * x).sum())
    assert derivative(1.0) == 3.0
    weights[:] = 5.0
    assert derivative(1.0) == 10.0


def test_perturbations_are_not_confused():
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(5.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(1.0))(5.0) == 10.0


# ---- the same rules elsewhere


@pytest.mark.parametrize("transform", [jacrev, grad], ids=["jacrev", "grad"])
def test_other_transforms_choose_alike(transform):
    assert transform(scaled, (2, -2))(3.0, 5.0, 2.0) == (15.0, 6.0)
    with pytest.raises(TypeError, match=f"{transform.__name__} of scaled: argnums=3"):
        transform(scaled, 3)(1.0, 2.0, 3.0)


@pytest.mark.parametrize("transform", [grad, jacrev, vmap, jit])
def test_transforms_take_functions_only_and_keep_their_names(transform):
    with pytest.raises(TypeError, match=f"{transform.__name__}: expected a function, got 'text'"):
        transform("text")
    assert transform(scaled).__name__ == "scaled" and transform(scaled).__doc__ == scaled.__doc__
