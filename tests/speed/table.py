"""Rows of figures, their goals and verdicts, and the Markdown table of them."""

from dataclasses import asdict, dataclass, field

SCALES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


@dataclass(frozen=True)
class Row:
    """One figure of fungrad beside those of others.

    `value` and `others` are in `unit` ("s" or "" for counts and ratios). The goal is `at_most`
    times the figure of `rival`, or `at_most` itself where there is no rival; None where there is
    nothing to meet.
    """

    what: str
    value: float
    others: dict = field(default_factory=dict)
    unit: str = "s"
    rival: str | None = None
    at_most: float | None = None

    @property
    def measured(self):
        """What is compared with the goal: a ratio to the rival, or the value; None if unknown."""
        if self.rival is None:
            return self.value
        if self.rival not in self.others:
            return None
        return self.value / self.others[self.rival]

    @property
    def goal(self):
        """The goal as text."""
        if self.at_most is None:
            return ""
        if self.rival is None:
            return f"at most {shown(self.at_most, self.unit)}"
        return f"at most {self.at_most:g} of {self.rival}'s"

    @property
    def verdict(self):
        """Whether the goal is met, as text."""
        if self.at_most is None:
            return ""
        if self.measured is None:
            return f"{self.rival} is not installed"
        return "met" if self.measured <= self.at_most else "MISSED"

    @property
    def is_missed(self):
        """Whether there is a goal and it is not met."""
        return self.verdict == "MISSED"


def shown(value, unit):
    """A figure with three digits, and its unit.

    >>> shown(0.0123, "s"), shown(3, "")
    ('12.3 ms', '3')
    """
    if unit != "s":
        return f"{value:.3g}{unit and ' '}{unit}"
    for scale, name in SCALES:
        if abs(value) >= scale or scale == 1e-9:
            return f"{value / scale:.3g} {name}"
    return "0 s"


def markdown(rows):
    """The table of all rows."""
    lines = ["| what | fungrad | others | ratio | goal | verdict |", "|---|---|---|---|---|---|"]
    for row in rows:
        others = ", ".join(f"{name} {shown(v, row.unit)}" for name, v in row.others.items())
        ratio = ""
        if row.others:
            name = row.rival if row.rival in row.others else next(iter(row.others))
            ratio = f"{row.value / row.others[name]:.2f} of {name}'s"
        cells = (row.what, shown(row.value, row.unit), others, ratio, row.goal, row.verdict)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def as_dict(row):
    """The row as what JSON can hold; `Row(**as_dict(row))` is the row."""
    return asdict(row)
