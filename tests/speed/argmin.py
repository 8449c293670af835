"""GradBench's minimiser, with which `particle` and `saddle` are defined."""

FIRST_STEP = 1e-5
PRECISION = 1e-5


def argmin(library, f, gradient, x, loop=None):
    """Where gradient descent from the vector x ends; its step size doubles and halves.

    `loop(goes_on, step, state)` is `while_loop`, or what stands in for it where it cannot be used.
    """
    loop = loop or library.lax.while_loop
    descent = Descent(library, f, gradient)
    return loop(descent.goes_on, descent.step, descent.start(x))[0]


class Descent:
    """The loop of the minimiser.

    A state is a place, the value and the gradient there, the step size, the number of steps since
    the step size was changed, and whether the loop is to end.
    """

    def __init__(self, library, f, gradient):
        self.np, self.cond, self.f, self.gradient = library.numpy, library.lax.cond, f, gradient

    def is_short(self, vector):
        """Whether the Euclidean norm is small."""
        return self.np.sqrt(self.np.sum(vector * vector)) <= PRECISION

    def start(self, x):
        """The state at a place."""
        g = self.gradient(x)
        return x, self.f(x), g, FIRST_STEP, 0, self.is_short(g)

    def goes_on(self, state):
        """Whether there is another step."""
        return self.np.logical_not(state[-1])

    def step(self, state):
        """Double the step size after ten successes, else try a step."""
        return self.cond(state[4] == 10, self._double, self._descend, state)

    def _double(self, state):
        x, fx, g, size, _, _ = state
        return x, fx, g, 2 * size, 0, False

    def _descend(self, state):
        x, fx, g, size, count, _ = state
        ahead = x - size * g

        def try_step():
            value = self.f(ahead)
            return self.cond(value < fx, lambda: accept(value), lambda: reject())

        def accept(value):
            slope = self.gradient(ahead)
            return ahead, value, slope, size, count + 1, self.is_short(slope)

        def reject():
            return x, fx, g, size / 2, 0, False

        def stay():
            return x, fx, g, size, count, True

        return self.cond(self.is_short(x - ahead), stay, try_step)


def masked_scan(library, most):
    """A loop of at most `most` steps as a scan, for libraries that cannot reverse `while_loop`."""

    def loop(goes_on, step, state):
        def body(state, _):
            return library.lax.cond(goes_on(state), step, lambda s: s, state), None

        return library.lax.scan(body, state, None, length=most)[0]

    return loop
