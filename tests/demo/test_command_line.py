"""`python -m fungrad`: what it prints, what bad flags get, and that a seed fixes it."""

import io
import re
import subprocess
import sys

import numpy as np
import pytest

from fungrad import tree
from fungrad.demo import digits, function, step_times, training
from fungrad.demo.command_line import flags, main

RATE = np.float32(2e-3)


@pytest.fixture(scope="module")
def data():
    return digits.load(0)


# ---- the main job


def test_the_main_job(capsys):
    """The defaults: everything is shown, and more than 96 % of the held-out digits are right."""
    assert main([]) == 0
    text = capsys.readouterr().out
    found = re.search(r"held-out accuracy ([\d.]+)% after 30 epochs", text)
    assert float(found[1]) > 96
    assert "def wave(x):" in text
    assert re.search(r"^wave\(a: f64\[\]\) \{$", text, re.M), "no derivative program"
    assert len(re.findall(r"^epoch +\d+/30 .* loss \d\.\d{4} ", text, re.M)) == 30
    for name in ("compiled by jit", "eager, without jit", "NumPy by hand"):
        assert re.search(rf"^{name} +\d+ us +\d+\.\d\d", text, re.M), name
    assert "\r" not in text


def losses(text):
    return re.findall(r"loss \S+ +held-out accuracy +\S+", text)


@pytest.mark.parametrize("hidden", [["16"], ["12", "8"]])
def test_a_seed_fixes_everything(capsys, hidden):
    arguments = ["--epochs", "2", "--batch-size", "200", "--hidden", *hidden, "--seed"]
    texts = []
    for seed in ("3", "3", "4"):
        assert main([*arguments, seed]) == 0
        texts.append(losses(capsys.readouterr().out))
    assert len(texts[0]) == 2
    assert texts[0] == texts[1] != texts[2]


# ---- flags


@pytest.mark.parametrize(
    "arguments, parts",
    [
        (["--epochs", "0"], ("--epochs", "at least 1", "0")),
        (["--epochs", "many"], ("--epochs", "'many'", "whole number")),
        (["--epochs", "2.5"], ("--epochs", "'2.5'", "whole number")),
        (["--seed", "-1"], ("--seed", "at least 0", "-1")),
        (["--hidden", "128", "0"], ("--hidden", "at least 1", "0")),
        (["--hidden"], ("--hidden", "at least one")),
        (["--batch-size", "-8"], ("--batch-size", "at least 1", "-8")),
        (["--batch-size", "2000"], ("--batch-size", "1437", "2000")),
        (["--learning-rate", "0"], ("--learning-rate", "above 0")),
        (["--learning-rate", "nan"], ("--learning-rate", "finite", "nan")),
        (["--learning-rate", "fast"], ("--learning-rate", "'fast'", "number")),
        (["--speed"], ("--speed", "unrecognized")),
    ],
)
def test_bad_flags(capsys, arguments, parts):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    text = capsys.readouterr().err
    assert "usage: python -m fungrad" in text
    assert all(part in text for part in parts), text


def test_help(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    for flag in ("--seed", "--epochs", "--hidden", "--batch-size", "--learning-rate"):
        assert flag in text
    assert "default: 30" in text


def test_without_scikit_learn(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert main(["--epochs", "1"]) == 1
    written = capsys.readouterr()
    assert "scikit-learn" in written.err
    assert "pip install" in written.err
    assert "def wave(x):" in written.out


def test_as_a_module():
    """A short run through the interpreter, its output no terminal and not UTF-8."""
    done = subprocess.run(
        [sys.executable, "-m", "fungrad", "--epochs", "1", "--hidden", "8"],
        capture_output=True,
        text=True,
        env={**__import__("os").environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0, done.stderr
    assert "epoch 1/1  ########################  loss" in done.stdout


# ---- its parts


@pytest.mark.parametrize("x", function.POINTS)
def test_the_derivatives_of_the_function(x):
    """By hand: y = x + sin x, z = x + sin y, and (z exp(-x))' = z' exp(-x) - z exp(-x)."""
    slope = 1 + np.cos(x + np.sin(x)) * (1 + np.cos(x))
    expected = slope * np.exp(-x) - function.wave(x)
    assert function.reverse_mode(x) == pytest.approx(expected, rel=1e-13)
    assert function.forward_mode(x) == pytest.approx(expected, rel=1e-13)
    assert function.finite_differences(x) == pytest.approx(expected, abs=1e-9)


def test_the_columns_of_the_table_are_aligned():
    lines = function.table([("x", "value", "gap"), ("1", "10.5", "1"), ("250", "1.5", "10")])
    assert lines.split("\n") == ["x    value  gap", "1     10.5    1", "250    1.5   10"]


def test_the_split(data):
    assert data.images.shape == (1437, 64) and data.held_out_images.shape == (360, 64)
    assert data.images.dtype == np.float32
    assert data.images.min() == 0 and data.images.max() == 1
    both = np.concatenate([data.images, data.held_out_images])
    assert len(both) == digits.IMAGES
    other = digits.load(1)
    assert not np.array_equal(other.images, data.images)


@pytest.mark.parametrize("hidden", [[16], [12, 8]])
def test_a_step_by_hand_is_a_step(data, hidden):
    """Ten steps in NumPy by hand, eager and compiled lead to the same parameters."""
    from fungrad import jit

    ways = (step_times.step_by_hand, training.step, jit(training.step))
    states = [training.initial_state(hidden, 0) for _ in ways]
    for start in range(0, 320, 32):
        images, labels = data.images[start : start + 32], data.labels[start : start + 32]
        for i, step in enumerate(ways):
            states[i], _ = step(states[i], images, labels, RATE)
    for state in states[1:]:
        assert step_times.largest_difference(state, states[0]) < 1e-4
        for found, expected in zip(tree.leaves(state), tree.leaves(states[0]), strict=True):
            assert found.dtype == expected.dtype == np.float32
            assert found.shape == expected.shape


def test_an_epoch_is_its_steps(data):
    generator = np.random.default_rng(0)
    order = training.batches_in_random_order(generator, 1437, 100)
    assert order.shape == (14, 100)
    assert len(np.unique(order)) == 1400
    state = training.initial_state([16], 0)
    whole, mean_loss = training.epoch(state, data.images, data.labels, order, RATE)
    losses = []
    for rows in order:
        state, loss = step_times.step_by_hand(state, data.images[rows], data.labels[rows], RATE)
        losses.append(loss)
    assert step_times.largest_difference(whole, state) < 1e-4
    assert mean_loss == pytest.approx(np.mean(losses), rel=1e-5)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


def test_a_terminal_shows_one_line():
    stream = Terminal()
    display = training.Display(2, stream)
    display.show(1, 0.5, 0.25)
    display.show(2, 0.25, 0.975)
    display.close()
    text = stream.getvalue()
    assert text.count("\n") == 1 and text.count("\r") == 2
    assert "epoch 1/2  ████████████░░░░░░░░░░░░  loss 0.5000  held-out accuracy  25.00%" in text
    assert text.endswith("loss 0.2500  held-out accuracy  97.50%\n")


def test_the_flags_have_defaults():
    options = flags().parse_args([])
    assert options.hidden == [128]
    assert flags().parse_args(["--hidden", "128", "64"]).hidden == [128, 64]
