"""Hand tracking: a skinned mesh, and the Jacobian of its errors by forward mode (GradBench's ht).

The Jacobian of N points has 3 N rows; its columns are those of the 26 angles, behind two for the
coordinates in the triangle in the complicated model (which are block-diagonal, so that two tangents
make all of them).
"""

import numpy

SIZES = (("simple", "small", 100), ("complicated", "small", 100), ("complicated", "big", 100))
TINY = (("simple", "tiny", 3), ("complicated", "tiny", 2))
CPP = dict(zip(SIZES, (2.79, 2.63, 5.09), strict=True))

BONES, ANGLES, TRIANGLES = 22, 26, 1084
VERTICES = {"tiny": 8, "small": 544, "big": 10_000}
PARENTS = (-1, *(0 if b % 4 == 1 else b - 1 for b in range(1, BONES)))


def model(size):
    """Bones, vertices, weights and triangles."""
    generator = numpy.random.default_rng(1)
    number = VERTICES[size]
    relatives = numpy.tile(numpy.eye(4), (BONES, 1, 1))
    relatives[:, :3] += 0.1 * generator.normal(size=(BONES, 3, 4))
    inverses = numpy.tile(numpy.eye(4), (BONES, 1, 1))
    inverses[:, :3] += 0.1 * generator.normal(size=(BONES, 3, 4))
    positions = numpy.c_[generator.normal(size=(number, 3)), numpy.ones(number)]
    weights = generator.dirichlet(numpy.full(BONES, 0.2), number)
    triangles = generator.integers(number, size=(TRIANGLES, 3))
    return relatives, inverses, positions, weights, triangles


def inputs(kind, size, n):
    generator = numpy.random.default_rng(31337)
    theta = 0.3 * generator.normal(size=ANGLES)
    points = generator.normal(size=(n, 3))
    u = generator.uniform(0.1, 0.4, (n, 2))
    return (theta, points, u) if kind == "complicated" else (theta, points)


def correspondences(kind, size, n):
    """The vertex, or the triangle, of each point."""
    most = TRIANGLES if kind == "complicated" else VERTICES[size]
    return numpy.random.default_rng(2).integers(most, size=n)


def rotations(np, angles):
    """Rz(a1) Ry(a2) Rx(a0) for each row of angles."""
    (cx, cz, cy), (sx, sz, sy) = np.cos(angles).T, np.sin(angles).T
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return np.moveaxis(np.stack([np.stack(row) for row in rows]), 2, 0)


def about_axis(np, r):
    """The rotation about a vector by its length."""
    square = np.sum(r * r)
    turns = square >= 1e-8
    angle = np.sqrt(np.where(turns, square, 1.0))
    x, y, z = r[0] / angle, r[1] / angle, r[2] / angle
    cross = np.stack([0 * x, -z, y, z, 0 * x, -x, -y, x, 0 * x]).reshape(3, 3)
    eye = np.eye(3)
    turned = eye + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return np.where(turns, turned, eye)


def pose_of(np, theta):
    """The angles of all bones, most of which are zero."""
    fingers = theta[6:].reshape(5, 4)
    zero = np.zeros(5)
    moving = [
        np.stack([zero, zero, zero], axis=1),
        np.stack([fingers[:, 0], fingers[:, 1], zero], axis=1),
        np.stack([fingers[:, 2], zero, zero], axis=1),
        np.stack([fingers[:, 3], zero, zero], axis=1),
    ]
    middle = np.stack(moving, axis=1).reshape(20, 3)
    return np.concatenate([np.zeros((1, 3)), middle, np.zeros((1, 3))])


def vertices_of(np, size):
    """The place of each vertex as a function of theta."""
    relatives, inverses, positions, weights, _ = model(size)
    weights, positions = np.asarray(weights), np.asarray(positions)

    def vertices(theta):
        turns = rotations(np, pose_of(np, theta))
        local = np.concatenate([relatives[:, :, :3] @ turns, relatives[:, :, 3:]], axis=2)
        absolute = []
        for bone, parent in enumerate(PARENTS):
            absolute.append(local[bone] if parent < 0 else absolute[parent] @ local[bone])
        transforms = (np.stack(absolute) @ inverses)[:, :3]
        blended = (weights @ transforms.reshape(BONES, 12)).reshape(-1, 3, 4)
        placed = np.sum(blended * positions[:, None, :], axis=2)
        return placed @ about_axis(np, theta[:3]).T + theta[3:6]

    return vertices


def primal(library, kind, size, n):
    np = library.numpy
    vertices = vertices_of(np, size)
    which = correspondences(kind, size, n)
    corners = model(size)[-1][which]

    def simple(theta, points):
        return points - vertices(theta)[which]

    def complicated(theta, points, u):
        placed = vertices(theta)
        a, b, c = placed[corners[:, 0]], placed[corners[:, 1]], placed[corners[:, 2]]
        u, v = u[:, :1], u[:, 1:]
        return points - (u * a + v * b + (1 - u - v) * c)

    return simple if kind == "simple" else complicated


def derivative(library, kind, size, n):
    np = library.numpy
    errors = primal(library, kind, size, n)

    def simple(theta, points):
        return library.jacfwd(lambda t: errors(t, points))(theta).reshape(3 * n, ANGLES)

    def complicated(theta, points, u):
        columns = 2 + ANGLES
        along_theta = np.eye(columns)[:, 2:]
        along_u = np.eye(columns)[:, :2].reshape(columns, 1, 2) * np.ones((n, 1))

        def pushed(d_theta, d_u):
            f = lambda t, u: errors(t, points, u)  # noqa: E731
            return library.jvp(f, (theta, u), (d_theta, d_u))[1]

        return library.vmap(pushed, out_axes=-1)(along_theta, along_u).reshape(3 * n, columns)

    return simple if kind == "simple" else complicated
