"""The flags of `python -m fungrad`, and the order of its parts."""

import argparse
import math
import sys

from fungrad.demo import digits, function, step_times, training


def main(arguments=None):
    """Run the demonstration with these command-line arguments; returns the exit status."""
    parser = flags()
    options = parser.parse_args(arguments)
    if options.batch_size > digits.TRAINING_IMAGES:
        parser.error(
            f"argument --batch-size: there are {digits.TRAINING_IMAGES} training images, so that "
            f"many at most, not {options.batch_size}"
        )
    heading("A plain Python function and its derivatives")
    print(function.report())
    heading("Handwritten digits, the whole epoch under jit")
    try:
        data = digits.load(options.seed)
    except ImportError:
        print(MISSING, file=sys.stderr)
        return 1
    initial = training.initial_state(options.hidden, options.seed)
    training.run(initial, data, options)
    heading("One training step, forward, backward and update")
    print(step_times.report(initial, data, options))
    return 0


MISSING = """\
The digits come with scikit-learn, which is not installed. Install it and run again:
    pip install scikit-learn
(From a clone, pip install -e ".[demo]" does the same.)"""


def heading(text):
    """Print the title of a part."""
    print(f"\n{text}\n{'-' * len(text)}\n", flush=True)


def flags():
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m fungrad",
        description="Differentiate a Python function, train a classifier on handwritten digits "
        "with the whole epoch under jit, and time a training step.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--seed",
        type=whole_number(0),
        default=0,
        metavar="N",
        help="of the split, the initial weights and the order of the images",
    )
    parser.add_argument(
        "--epochs", type=whole_number(1), default=30, metavar="N", help="passes over the images"
    )
    parser.add_argument(
        "--hidden",
        type=whole_number(1),
        nargs="+",
        default=[128],
        metavar="SIZE",
        help="sizes of the hidden layers, as in --hidden 128 64",
    )
    parser.add_argument(
        "--batch-size", type=whole_number(1), default=32, metavar="N", help="images per step"
    )
    parser.add_argument(
        "--learning-rate", type=positive, default=2e-3, metavar="X", help="of Adam"
    )
    return parser


def whole_number(least):
    """A type for argparse: an integer that is not less than `least`."""

    def parse(text):
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if number < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, not {number}")
        return number

    return parse


def positive(text):
    """A type for argparse: a finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not (number > 0 and math.isfinite(number)):
        raise argparse.ArgumentTypeError(f"must be above 0, and finite, not {text}")
    return number
