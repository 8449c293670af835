"""Single layers of convolutional networks, float32, channels last."""

from tests.speed.workloads import convolution

#: images, channels, filters, pixels along each side, width of the kernel, stride
SIZES = (
    (64, 1, 6, 28, 5, 1),
    (32, 3, 32, 32, 3, 1),
    (64, 32, 64, 14, 3, 1),
    (32, 128, 128, 16, 3, 1),
    (32, 32, 64, 32, 3, 2),
    (32, 64, 64, 28, 1, 1),
)
TINY = ((2, 2, 4, 5, 3, 2),)
PEERS = ("jax", "torch")
LAYOUT = ("NHWC", "HWIO", "NHWC")


def inputs(*size):
    x, w = convolution.inputs(*size, 1)
    return x.transpose(0, 2, 3, 1).copy(), w.transpose(2, 3, 1, 0).copy()


def primal(library, images, channels, filters, pixels, width, stride):
    pads = [(width // 2, width // 2)] * 2

    def loss(x, w):
        y = library.lax.conv_general_dilated(x, w, (stride, stride), pads, dimension_numbers=LAYOUT)
        return library.numpy.mean(y * y)

    return loss


def torch_primal(torch, images, channels, filters, pixels, width, stride):
    def loss(x, w):
        x, w = x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1)
        y = torch.nn.functional.conv2d(x, w, None, stride, width // 2)
        return (y * y).mean()

    return loss
