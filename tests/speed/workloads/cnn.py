"""The gradient of a small convolutional network: twice convolution, relu and largest of 2 x 2."""

import numpy

SIZES = ((16,), (64,), (256,))  # images of 28 x 28
TINY = ((2,),)
PEERS = ("jax", "torch")
FILTERS, CLASSES = (16, 32), 10


def inputs(images):
    generator = numpy.random.default_rng(0)

    def normal(*shape):
        scale = numpy.sqrt(2 / numpy.prod(shape[1:]))
        return (generator.normal(size=shape) * scale).astype(numpy.float32)

    first, second = FILTERS
    weights = normal(first, 1, 3, 3), normal(second, first, 3, 3), normal(CLASSES, second * 7 * 7)
    x = generator.uniform(size=(images, 1, 28, 28)).astype(numpy.float32)
    return *weights, x, numpy.eye(CLASSES, dtype=numpy.float32)[numpy.arange(images) % CLASSES]


def primal(library, images):
    np, lax = library.numpy, library.lax
    low = numpy.float32(-numpy.inf)

    def layer(x, w):
        x = np.maximum(lax.conv_general_dilated(x, w, (1, 1), "SAME"), 0)
        return lax.reduce_window(x, low, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def loss(first, second, dense, x, y):
        x = layer(layer(x, first), second)
        s = x.reshape(images, -1) @ dense.T
        s = s - np.max(s, axis=1, keepdims=True)
        return -np.mean(np.sum(y * (s - np.log(np.sum(np.exp(s), axis=1, keepdims=True))), axis=1))

    return loss


def derivative(library, images):
    return library.grad(primal(library, images), (0, 1, 2))


def torch_primal(torch, images):
    def layer(x, w):
        return torch.nn.functional.max_pool2d(
            torch.relu(torch.nn.functional.conv2d(x, w, None, 1, 1)), 2
        )

    def loss(first, second, dense, x, y):
        s = layer(layer(x, first), second).reshape(images, -1) @ dense.T
        return -(y * torch.log_softmax(s, 1)).sum(1).mean()

    return loss


def torch_derivative(torch, images):
    loss = torch_primal(torch, images)

    def gradient(*arguments):
        weights = [w.detach().requires_grad_() for w in arguments[:3]]
        return torch.autograd.grad(loss(*weights, *arguments[3:]), weights)

    return gradient
