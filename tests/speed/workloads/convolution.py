"""Single layers of convolutional networks, float32: plain, strided, depthwise and of one pixel."""

import numpy

#: images, channels, filters, pixels along each side, width of the kernel, stride, groups
SIZES = (
    (64, 1, 16, 28, 3, 1, 1),
    (64, 16, 32, 14, 3, 1, 1),
    (32, 64, 64, 28, 3, 1, 1),
    (64, 16, 32, 28, 3, 2, 1),
    (64, 6, 16, 14, 5, 1, 1),
    (32, 128, 128, 16, 3, 1, 1),
    (1, 3, 32, 32, 3, 1, 1),
    (32, 64, 64, 28, 3, 1, 64),
    (32, 64, 64, 28, 1, 1, 1),
)
TINY = ((2, 2, 4, 5, 3, 2, 2), (1, 2, 3, 4, 1, 1, 1))
PEERS = ("jax", "torch")


def inputs(images, channels, filters, pixels, width, stride, groups):
    generator = numpy.random.default_rng(0)
    x = generator.normal(size=(images, channels, pixels, pixels))
    w = generator.normal(size=(filters, channels // groups, width, width)) / width
    return x.astype(numpy.float32), w.astype(numpy.float32)


def primal(library, images, channels, filters, pixels, width, stride, groups):
    pads = [(width // 2, width // 2)] * 2

    def loss(x, w):
        y = library.lax.conv_general_dilated(
            x, w, (stride, stride), pads, feature_group_count=groups
        )
        return library.numpy.mean(y * y)

    return loss


def torch_primal(torch, images, channels, filters, pixels, width, stride, groups):
    def loss(x, w):
        y = torch.nn.functional.conv2d(x, w, None, stride, width // 2, groups=groups)
        return (y * y).mean()

    return loss
