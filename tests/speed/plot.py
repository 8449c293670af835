"""The ratios to JAX as a picture: a row per workload, one mark per library."""


def save(figures, path):
    """Write a PNG of the time of each derivative over JAX's, on a logarithmic axis."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figures = [f for f in figures if f.derivative.get("jax")]
    picture, axes = pyplot.subplots(figsize=(9, 1 + 0.24 * len(figures)), layout="constrained")
    for library, mark, colour in (
        ("torch", "s", "tab:orange"),
        ("autograd", "^", "tab:green"),
        ("fungrad", "o", "tab:blue"),
    ):
        known = [
            (f.derivative[library] / f.derivative["jax"], y)
            for y, f in enumerate(figures)
            if library in f.derivative
        ]
        if known:
            axes.scatter(*zip(*known, strict=True), marker=mark, color=colour, label=library)
    axes.axvline(1.0, color="black", linewidth=1, label="jax")
    axes.set_xscale("log")
    axes.set_yticks(range(len(figures)), [f.title for f in figures], fontsize=8)
    axes.invert_yaxis()
    axes.grid(axis="x", which="both", alpha=0.3)
    axes.set_xlabel("time of the derivative, relative to JAX (less is better)")
    axes.legend(loc="upper right")
    picture.savefig(path, dpi=120)
    pyplot.close(picture)
