"""What a call of a compiled program has to serve, as plain data where that is possible."""

from functools import lru_cache

import numpy as np

from fungrad.compiler.execution.memory import placed
from fungrad.compiler.execution.plan import Given, Kept, Made, Workspace
from fungrad.compiler.language import arguments as kinds
from fungrad.compiler.language.arguments import Result
from fungrad.core.types import ArrayType


class Interface:
    """How the entry of a program is called: everything but its code.

    `arguments` are those of the entry, `origins` say where the caller gets each (see `plan`).
    `outputs` says, per output of the program, where it comes from: ("input", i), ("literal",
    value), ("array", type), ("gift", i): input i overwritten, ("result", number of a result),
    ("stack", number of the first of three results) or ("copy", number of another output).
    `stack_inputs` are the numbers of the first stack of each input that is one, by the number of
    the input. `workspace` is a number of bytes, `stacks` one of words. `meters` are pairs
    (progress, number of turns or None) of loops that report, to the array `counters`; `addresses`
    are those of C functions that call Python. It `is_short` where a call takes no time worth
    mentioning: small values, and no loops that may run long.
    """

    __slots__ = (
        "addresses",
        "arguments",
        "counters",
        "is_short",
        "meters",
        "note_slot",
        "origins",
        "outputs",
        "sizes",
        "stack_inputs",
        "stacks",
        "workspace",
    )

    def __init__(
        self,
        arguments,
        origins,
        outputs,
        sizes,
        workspace,
        stacks,
        is_short,
        stack_inputs=None,
        note_slot=None,
        meters=(),
        counters=None,
        addresses=None,
    ):
        self.arguments, self.origins, self.outputs = arguments, origins, outputs
        self.sizes, self.workspace, self.stacks = sizes, workspace, stacks
        self.is_short, self.stack_inputs = is_short, stack_inputs or {}
        self.note_slot = note_slot
        self.meters, self.counters, self.addresses = meters, counters, addresses

    @property
    def returned(self):
        """What a call returns, as `build.checked_entry` is told."""
        results = [i for i, a in enumerate(self.arguments) if isinstance(a, Result)]
        made = iter([i for i, origin in enumerate(self.origins) if isinstance(origin, Made)])
        returned = []
        for kind, what in self.outputs:
            if kind == "array":
                returned.append(("argument", next(made)))
            elif kind == "result":
                returned.append(("argument", results[what]))
            elif kind == "gift":
                returned.append(("argument", what))
            elif kind == "input":
                returned.append(("copy", what))
            elif kind == "copy":
                returned.append(("copy", returned[what][1]))
            else:
                returned.append(("object", what))
        return returned

    @property
    def is_plain(self):
        """Whether other processes can use it: nothing of it is an object of this one."""
        return not self.meters and self.addresses is None

    @staticmethod
    def from_form(form, meters=(), addresses=()):
        """The interface of a form whose numbers are all known."""
        arguments, origins, outputs, sizes, buffers, stacks, *rest = form
        is_short, stack_inputs, note_slot = rest
        places, workspace = placed([buffer[1:] for buffer in buffers])
        sizes = np.array(sizes, np.int64)
        if buffers:
            sizes[[slot for slot, *_ in buffers]] = places
        counters = np.zeros(len(meters), np.int64)
        addresses = np.array(addresses, np.int64) if addresses else None
        own = {
            "sizes": Kept(sizes),
            "workspace": Workspace(workspace),
            "counters": Kept(counters),
            "callbacks": Kept(addresses),
        }
        return Interface(
            tuple(map(argument_from_data, arguments)),
            tuple([_origin_from_data(origin, own) for origin in origins]),
            tuple([(kind, _OUTPUTS.get(kind, int)(what)) for kind, what in outputs]),
            sizes,
            workspace,
            stacks,
            is_short,
            dict(stack_inputs),
            note_slot,
            meters,
            counters,
            addresses,
        )


#: How what an output comes from is read where it is no number; `forms` writes it.
_OUTPUTS = {
    "literal": lambda data: np.frombuffer(data[1], data[0])[0],
    "array": lambda data: ArrayType(data[1], np.dtype(data[0])),
}


@lru_cache(maxsize=1000)
def argument_from_data(data):
    """The argument that plain data describe."""
    kind, dtype, aliased = data
    return getattr(kinds, kind)(dtype, aliased) if aliased else getattr(kinds, kind)(dtype)


def _origin_from_data(data, own):
    if data is None or isinstance(data, str):
        return own.get(data)
    kind, shape, *rest = data
    return Made(shape) if kind == "made" else Given(shape, None, *rest)
