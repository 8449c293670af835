"""Quantities and tables for people: as aligned text, and as HTML."""

from html import escape


def count_text(n):
    """A number of things in three digits: "812", "1.32 M".

    >>> count_text(812), count_text(1_323_968)
    ('812', '1.32 M')
    """
    return _scaled(n, 1000, ("", " k", " M", " G", " T", " P"))


def bytes_text(n):
    """A number of bytes in three digits: "96 B", "62.5 KiB".

    >>> bytes_text(96), bytes_text(64_000)
    ('96 B', '62.5 KiB')
    """
    return _scaled(n, 1024, (" B", " KiB", " MiB", " GiB", " TiB", " PiB"))


def _scaled(n, base, units):
    for unit in units:
        if abs(n) < 999.5 or unit == units[-1]:
            break
        n /= base
    return f"{n:.3g}{unit}"


def seconds_text(seconds):
    """A time in three digits: "12.3 µs".

    >>> seconds_text(1.23e-5)
    '12.3 µs'
    """
    for factor, unit in ((1e9, "ns"), (1e6, "µs"), (1e3, "ms")):
        if seconds * factor < 999.5:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"


class Table:
    """Rows of cells under titles, the first column to the left and the others to the right.

    >>> print(Table(("name", "bytes"), [("w", 8), ("bias", 128)]))
    name  bytes
    ----  -----
    w         8
    bias    128
    """

    def __init__(self, titles, rows, caption=""):
        self.titles = tuple(titles)
        self.rows = [tuple(map(str, row)) for row in rows]
        self.caption = caption

    def __str__(self):
        lines = [self.titles, *self.rows]
        widths = [max(len(line[k]) for line in lines) for k in range(len(self.titles))]
        lines.insert(1, tuple(["-" * w for w in widths]))
        text = []
        for line in lines:
            first = line[0].ljust(widths[0])
            rest = [cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True)]
            text.append("  ".join([first, *rest]).rstrip())
        return "\n".join([*([self.caption] if self.caption else []), *text])

    def html(self):
        """The table as HTML."""
        head = "".join(f"<th>{escape(t)}</th>" for t in self.titles)
        body = ""
        for row in self.rows:
            cells = "".join(f"<td>{escape(c)}</td>" for c in row[1:])
            body += f'<tr><td style="text-align:left">{escape(row[0])}</td>{cells}</tr>'
        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        style = "border-collapse:collapse;text-align:right"
        return f'<table style="{style}">{caption}<tr>{head}</tr>{body}</table>'


def pyplot(purpose):
    """matplotlib.pyplot; an error that names the extra where it is not installed."""
    try:
        import matplotlib.pyplot
    except ImportError as error:
        raise ImportError(
            f'{purpose} needs matplotlib: pip install "fungrad[notebooks]"'
        ) from error
    return matplotlib.pyplot
