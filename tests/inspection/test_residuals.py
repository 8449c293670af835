"""What reverse mode keeps, as print_saved_residuals tells it."""

import numpy as np

import fungrad.numpy as fnp
from fungrad import ad_checkpoint, lax
from fungrad.ad_checkpoint import checkpoint, checkpoint_name, checkpoint_policies


def saved(capsys, f, *args, **kwargs):
    ad_checkpoint.print_saved_residuals(f, *args, **kwargs)
    return [line.partition(" at ")[0] for line in capsys.readouterr().out.splitlines()]


def test_what_is_kept(capsys):
    def f(w, x):
        return fnp.sum(fnp.sin(fnp.sin(w @ x)))

    arguments = ["f64[4] from argument 1", "f64[3,4] from argument 0"]
    given = np.ones((3, 4)), np.ones(4)
    made = ["f64[3] output of contract", "f64[3] output of sin"]
    assert saved(capsys, f, *given) == [*arguments, *made]
    assert saved(capsys, checkpoint(f), *given) == arguments
    every = checkpoint(f, policy=checkpoint_policies.everything_saveable)
    assert len(saved(capsys, every, *given)) > len(arguments)
    assert saved(capsys, lambda x: x.sum(), given[1]) == []


def test_names_and_loops(capsys):
    def f(d, k):
        return fnp.sum(checkpoint_name(fnp.sin(d["a"]), "s") * k) ** 2

    policy = checkpoint_policies.save_only_these_names("s")
    lines = saved(capsys, checkpoint(f, policy=policy), {"a": np.ones(4), "b": 1.0}, k=3.0)
    assert lines == [
        "f64[4] from argument 0['a']",
        "f64[] from argument ['k']",
        "f64[4] output of checkpoint",
    ]
    chain = lambda x: lax.scan(lambda c, _: (fnp.sin(c), None), x, None, length=5)[0]
    assert saved(capsys, chain, 1.0) == ["f64[5] output of scan"]
