"""The largest and the mean of windows, float32, channels first, and their gradients."""

import numpy

#: what of, images, channels, pixels along each side, width of the window, stride, padding
SIZES = (
    ("max", 64, 32, 28, 2, 2, 0),
    ("max", 32, 64, 32, 3, 2, 1),
    ("mean", 64, 32, 28, 2, 2, 0),
    ("mean", 32, 128, 8, 8, 8, 0),
    ("mean", 8, 16, 64, 15, 1, 7),
)
TINY = (("max", 2, 2, 5, 3, 2, 1), ("mean", 2, 2, 5, 2, 2, 0))
PEERS = ("jax", "torch")


def inputs(kind, images, channels, pixels, width, stride, padding):
    generator = numpy.random.default_rng(0)
    return (generator.normal(size=(images, channels, pixels, pixels)).astype(numpy.float32),)


def primal(library, kind, images, channels, pixels, width, stride, padding):
    lax, pads = library.lax, [(0, 0), (0, 0), (padding, padding), (padding, padding)]
    window, strides = (1, 1, width, width), (1, 1, stride, stride)

    def loss(x):
        if kind == "max":
            y = lax.reduce_window(x, numpy.float32(-numpy.inf), lax.max, window, strides, pads)
        else:
            y = lax.reduce_window(x, numpy.float32(0), lax.add, window, strides, pads)
            y = y / numpy.float32(width * width)
        return library.numpy.mean(y * y)

    return loss


def torch_primal(torch, kind, images, channels, pixels, width, stride, padding):
    pool = torch.nn.functional.max_pool2d if kind == "max" else torch.nn.functional.avg_pool2d

    def loss(x):
        y = pool(x, width, stride, padding)
        return (y * y).mean()

    return loss
