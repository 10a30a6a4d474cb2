"""Plot of the history of a training."""

# Titles of the panels, by key of the history.
PANELS = {
    "loss": "loss",
    "discriminator_ranked": "aligned ranked above warped",
    "return": "return of an episode",
    "success": "successful episodes",
    "value": "value of the actions taken",
}


def training_curves(stages):
    """Draw the history of a training.

    Args:
        stages: list of histories, one per stage, each a list of dicts, one per epoch.

    Returns:
        A matplotlib figure with a panel for each of `PANELS` in the history. Values of
        the validation are drawn in the same panel.
    """
    from matplotlib.figure import Figure

    epochs = [epoch for history in stages for epoch in history]
    panels = [key for key in PANELS if any(key in epoch for epoch in epochs)]
    figure = Figure(figsize=(4 * len(panels), 3), layout="constrained")
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, key in zip(row, panels, strict=True):
        for name, style in ((key, "C0-"), (f"val_{key}", "C1o-")):
            points = [(n, e[name]) for n, e in enumerate(epochs, 1) if name in e]
            if points:
                axes.plot(*zip(*points, strict=True), style, markersize=2, label=name)
        end = 0.5
        for history in stages[:-1]:
            axes.axvline(end := end + len(history), color="0.8")
        axes.set_title(PANELS[key], fontsize=10)
        axes.set_xlabel("epoch")
        if len(axes.get_legend_handles_labels()[1]) > 1:
            axes.legend(fontsize=8)
    return figure
