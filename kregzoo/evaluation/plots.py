"""Figures of an evaluation: Dice, TRE, folds, time and accuracy."""

import pathlib
import statistics

import numpy as np

from kregzoo.evaluation.statistics import estimate
from kregzoo.metrics.registry import METRICS
from kregzoo.utils.files import atomic

# Okabe and Ito's palette for color blindness.
COLORS = "#0072b2 #d55e00 #009e73 #cc79a7 #e69f00 #56b4e9 #000000".split()
FOLDS = "folded_foreground_percent", "folded_percent"
# Methods in the figure of single pairs, unless there are more of ours.
SHOWN = 4


def draw(table, folder):
    """Draw every figure that a table has the metrics for.

    Args:
        table: the `kregzoo.evaluation.Table`.
        folder: folder to write `<data>_<figure>.png` to.

    Returns:
        List of the paths written.
    """
    figures = {
        "dice": _dice_by_method(table),
        "structures": _dice_by_structure(table),
        "tre": _tre_against_start(table),
        "folds": _folds(table),
        "seconds": _seconds_against_accuracy(table),
    }
    paths = []
    for name, figure in figures.items():
        path = pathlib.Path(folder) / f"{table.name}_{name}.png"
        if figure is None:
            path.unlink(missing_ok=True)
            continue
        with atomic(path) as temporary:
            figure.savefig(temporary, dpi=70)
        paths.append(path)
    return paths


def _figure(width, height, **labels):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set(**labels)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _dice_by_method(table):
    values = table.values("dice")
    if not values:
        return None
    ranked = sorted(values, key=lambda method: statistics.mean(values[method].values()))
    heading = METRICS["dice"].heading
    figure, axes = _figure(
        8, 1 + 0.24 * len(ranked), xlabel=f"{heading}, a box over the pairs"
    )
    for number, method in enumerate(ranked):
        color = _color(table, method)
        axes.boxplot(
            list(values[method].values()),
            positions=[number],
            orientation="horizontal",
            widths=0.6,
            patch_artist=True,
            manage_ticks=False,
            boxprops={"facecolor": color, "linewidth": 0},
            medianprops={"color": "white"},
            whiskerprops={"color": color},
            showcaps=False,
            flierprops={"marker": ".", "markersize": 3, "markeredgecolor": color},
        )
    axes.set_yticks(range(len(ranked)), ranked, fontsize=8)
    axes.set(ylim=(-0.7, len(ranked) - 0.3), xlim=(0, 1))
    return figure


def _dice_by_structure(table):
    """Draw the mean over the pairs as colors: a row per method, a column per label."""
    found = {}
    for row in table.rows:
        if row["metric"] == "dice":
            labels = found.setdefault(row["method"], {})
            labels.setdefault(row["label"], []).append(row["value"])
    means = {
        method: {label: statistics.mean(values) for label, values in labels.items()}
        for method, labels in found.items()
    }
    labels = sorted(
        {label for values in means.values() for label in values},
        key=lambda label: -max(values.get(label, 0) for values in means.values()),
    )
    if len(labels) < 2:
        return None
    methods = sorted(means, key=lambda name: -statistics.mean(means[name].values()))
    figure, axes = _figure(10, 1.2 + 0.24 * len(methods), xlabel="label")
    axes.grid(visible=False)
    image = axes.imshow(
        [[means[name].get(label, np.nan) for label in labels] for name in methods],
        aspect="auto",
        interpolation="none",
        vmin=0,
        vmax=1,
    )
    figure.colorbar(image, label=f"{METRICS['dice'].heading}, mean over the pairs")
    axes.set_yticks(range(len(methods)), methods, fontsize=8)
    every = -(-len(labels) // 40)
    axes.set_xticks(
        range(0, len(labels), every), labels[::every], fontsize=6, rotation=90
    )
    return figure


def _color(table, method):
    return COLORS[1] if method in table.ours() else COLORS[0]


def _shown(table, errors):
    """Select our methods, and the best others up to `SHOWN`, but at least one."""
    ours = [method for method in table.ours() if method in errors]
    others = set(errors) - set(ours)
    others = sorted(others, key=lambda name: statistics.mean(errors[name].values()))
    return (ours + others)[: max(SHOWN, len(ours) + 1)]


def _tre_against_start(table):
    values = table.values("tre")
    start = table.start("tre")
    if not start:
        return None
    figure, axes = _figure(
        6,
        5.5,
        xlabel=f"{METRICS['tre'].heading} at the start",
        ylabel=f"{METRICS['tre'].heading} after registration",
    )
    methods = [m for m in _shown(table, values) if values[m] is not start]
    for method, color in zip(methods, COLORS, strict=False):
        pairs = [pair for pair in values[method] if pair in start]
        axes.plot(
            [start[pair] for pair in pairs],
            [values[method][pair] for pair in pairs],
            "o",
            color=color,
            markersize=5,
            label=method,
        )
    limit = 1.05 * max(start.values())
    axes.plot([0, limit], [0, limit], color="#777777", linewidth=0.8)
    axes.set(xlim=(0, limit), ylim=(0, None))
    axes.legend(frameon=False)
    return figure


def _folds(table):
    # Tables may have only the folds of the whole grid.
    measured = [name for name in table.metrics if name in FOLDS]
    if not measured:
        return None
    values = table.values(measured[0])
    figure, axes = _figure(
        7, 1 + 0.3 * len(values), xlabel=METRICS[measured[0]].heading
    )
    for number, method in enumerate(values):
        folds = list(values[method].values())
        axes.plot(folds, [number] * len(folds), "o", color=COLORS[0], alpha=0.5)
    # Linear up to a hundredth of a percent, to show 0 on a logarithmic axis.
    axes.set_xscale("symlog", linthresh=0.01)
    axes.set_xlim(left=-0.002)
    axes.set_yticks(range(len(values)), list(values))
    axes.invert_yaxis()
    return figure


def _seconds_against_accuracy(table):
    if not table.ranking:
        return None
    metric, time = table.ranking[-1], METRICS["seconds"]
    accuracy, seconds = table.values(metric.name), table.values(time.name)
    heading = f"{metric.heading}, {table.interval}"
    figure, axes = _figure(
        10, max(4.5, 0.3 + 0.2 * len(accuracy)), xlabel=f"{time.heading} a pair"
    )
    axes.set_ylabel(heading)
    means = {m: estimate(values, table.persons) for m, values in accuracy.items()}
    ranked = sorted(means, key=lambda method: -metric.sign * means[method].mean)
    for rank, method in enumerate(ranked, start=1):
        found = means[method]
        x = time.average(seconds[method].values())
        ends = (found.mean if end is None else end for end in (found.low, found.high))
        error = [[abs(found.mean - end)] for end in ends]
        color = _color(table, method)
        axes.errorbar(
            x, found.mean, yerr=error, fmt="o", color=color, label=f"{rank}  {method}"
        )
        # Numbers, because the names of similar methods would cover each other.
        axes.annotate(rank, (x, found.mean), (5, 3), textcoords="offset points")
    axes.set_xscale("log")
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    return figure
