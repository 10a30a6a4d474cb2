"""Plot of the history of a training."""

# Titles of the panels of a history, beside a panel for each loss.
TITLES = {
    "discriminator_ranked": "aligned ranked above warped",
    "return": "return of an episode",
    "success": "successful episodes",
    "value": "value of the actions taken",
}
COLUMNS = 4


def training_curves(stages):
    """Draw the history of a training.

    Args:
        stages: list of histories, one per stage, each a list of dicts, one per epoch.

    Returns:
        A matplotlib figure with a panel for each loss in the history, and for each of
        `TITLES`. Values of the validation are drawn in the same panel.
    """
    from matplotlib.figure import Figure

    epochs = [epoch for history in stages for epoch in history]
    panels = _panels(epochs)
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4 * columns, 3 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    for axes, key in zip(grid, panels, strict=False):
        _draw(axes, key, epochs)
        end = 0.5
        for history in stages[:-1]:
            axes.axvline(end := end + len(history), color="0.8")
    return figure


def _panels(epochs):
    """List the keys to draw: each loss, the total last, and those of `TITLES`."""
    keys = dict.fromkeys(key for epoch in epochs for key in epoch)
    parts = [key for key in keys if key.endswith("_loss") and not _validates(key)]
    total = [key for key in ("loss",) if key in keys]
    return parts + total + [key for key in TITLES if key in keys]


def _validates(key):
    return key.startswith("val_")


def _draw(axes, key, epochs):
    """Draw the values of a key in training and validation."""
    for name, style in ((key, "C0-"), (f"val_{key}", "C1o-")):
        points = [(n, e[name]) for n, e in enumerate(epochs, 1) if name in e]
        if points:
            axes.plot(*zip(*points, strict=True), style, markersize=2, label=name)
    axes.set_title(TITLES.get(key, key.replace("_", " ")), fontsize=10)
    axes.set_xlabel("epoch")
    if len(axes.get_legend_handles_labels()[1]) > 1:
        axes.legend(fontsize=8)
