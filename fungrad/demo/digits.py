"""The handwritten digits that scikit-learn carries: 1 797 images of 8 by 8 pixels."""

from dataclasses import dataclass

import numpy as np

IMAGES = 1797
TRAINING_IMAGES = 1437  # the other 360 are held out
PIXELS, CLASSES = 64, 10
_BRIGHTEST = 16


@dataclass(frozen=True)
class Digits:
    """Images, float32 of shape (n, 64) between 0 and 1, and labels, integers from 0 to 9."""

    images: np.ndarray
    labels: np.ndarray
    held_out_images: np.ndarray
    held_out_labels: np.ndarray


def load(seed):
    """The digits, split at random by the seed. Raises ImportError without scikit-learn."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(IMAGES)
    images = (images[order] / _BRIGHTEST).astype(np.float32)
    labels = labels[order]
    n = TRAINING_IMAGES
    return Digits(images[:n], labels[:n], images[n:], labels[n:])
