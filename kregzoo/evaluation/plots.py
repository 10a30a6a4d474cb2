"""Figures of an evaluation: Dice by structure, TRE, folds, time and accuracy."""

import pathlib
import statistics

import numpy as np

from kregzoo.evaluation.statistics import estimate
from kregzoo.metrics.registry import METRICS
from kregzoo.utils.files import atomic

# Okabe and Ito's palette for color blindness.
COLORS = "#0072b2 #d55e00 #009e73 #cc79a7 #e69f00 #56b4e9 #000000".split()
FOLDS = "folded_foreground_percent", "folded_percent"
# Methods in the figures of single structures and pairs.
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
        "dice": _dice_by_structure(table),
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


def _shown(table, metric):
    """Select our methods and the best others, at most `SHOWN` methods in total."""
    values = table.values(metric)
    means = {method: statistics.mean(v.values()) for method, v in values.items()}
    ours = [method for method in table.ours() if method in values]
    others = sorted(
        set(values) - set(ours), key=means.get, reverse=METRICS[metric].sign > 0
    )
    return (ours + others)[: max(SHOWN, len(ours) + 1)]


def _dice_by_structure(table):
    dice = METRICS["dice"]
    methods = _shown(table, dice.name)
    values = {method: {} for method in methods}
    for row in table.rows:
        if row["method"] in values and row["metric"] == dice.name:
            values[row["method"]].setdefault(row["label"], []).append(row["value"])
    if not methods:
        return None
    first = values[methods[0]]
    labels = sorted(first, key=lambda label: np.median(first[label]))
    height = 1.2 + len(labels) * max(0.14, 0.05 * len(methods))
    figure, axes = _figure(8, height, xlabel=f"{dice.heading}, a box over the pairs")
    axes.set_xlim(0, 1)
    step = 0.8 / len(methods)
    for number, method in enumerate(methods):
        color = COLORS[number % len(COLORS)]
        axes.boxplot(
            [values[method].get(label, []) for label in labels],
            positions=np.arange(len(labels)) + (number - (len(methods) - 1) / 2) * step,
            orientation="horizontal",
            widths=0.8 * step,
            patch_artist=True,
            manage_ticks=False,
            boxprops={"facecolor": color, "linewidth": 0},
            medianprops={"color": "white", "linewidth": 0.8},
            whiskerprops={"color": color, "linewidth": 0.8},
            showcaps=False,
            flierprops={"marker": ".", "markersize": 2, "markeredgecolor": color},
        )
        axes.plot([], [], color=color, linewidth=6, label=method)
    axes.set_yticks(range(len(labels)), labels, fontsize=7)
    axes.set_ylabel("label")
    axes.set_ylim(-1, len(labels))
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=9)
    return figure


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
    methods = [m for m in _shown(table, "tre") if values[m] is not start]
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
    figure, axes = _figure(7, 4.5, xlabel=f"{time.heading} a pair", ylabel=heading)
    means = {m: estimate(values, table.persons) for m, values in accuracy.items()}
    ranked = sorted(means, key=lambda method: means[method].mean)
    for rank, method in enumerate(ranked):
        found = means[method]
        x = time.average(seconds[method].values())
        color = COLORS[1] if method in table.ours() else COLORS[0]
        ends = (found.mean if end is None else end for end in (found.low, found.high))
        error = [[abs(found.mean - end)] for end in ends]
        axes.errorbar(x, found.mean, yerr=error, fmt="o", color=color)
        # Labels alternate between right and left to avoid overlap.
        side, align = (8, "left") if rank % 2 else (-8, "right")
        axes.annotate(
            method,
            (x, found.mean),
            (side, -3),
            textcoords="offset points",
            ha=align,
            fontsize=8,
        )
    axes.set_xscale("log")
    axes.margins(x=0.5)
    return figure
