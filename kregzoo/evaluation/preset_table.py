"""Comparison of presets with the initial alignment and the best other tool."""

import statistics

from kregzoo import zoo
from kregzoo.evaluation.statistics import estimate
from kregzoo.evaluation.summary import best_baseline
from kregzoo.metrics.registry import METRICS
from kregzoo.zoo.cards import ONE_PASS, START, markdown

# Initial alignments of deformable registrations.
ALIGNMENTS = (START, "iterative-affine")
HEADINGS = (
    "preset",
    "section",
    "predicts",
    "measured on",
    "centers aligned",
    "best other tool",
    "one pass",
    "refined",
    "folds in %",
    METRICS["seconds"].heading,
)


def preset_table(tables):
    """Write the table of presets as Markdown.

    Args:
        tables: list of `Table`.

    Returns:
        A str.
    """
    return markdown(HEADINGS, preset_rows(tables))


def preset_rows(tables):
    """List the rows of the table of presets, one for each data set and main metric.

    Args:
        tables: list of `Table`.

    Returns:
        List of lists of str, with one column for each of `HEADINGS`.
    """
    rows = []
    for record in zoo.list_models():
        about = [f"`{record.name}`", record.chapter, record.predicts]
        cells = [
            _cells(table, record.name, metric)
            for table in tables
            if record.name in table.presets
            for metric in table.ranking
            if record.name in table.values(metric.name)
        ]
        rows += [
            [*about, *texts]
            for texts in cells or [["not measured", *[""] * (len(HEADINGS) - 4)]]
        ]
    return rows


def preset_metrics(tables, name):
    """Collect the metrics of a preset for its metadata and card.

    Args:
        tables: list of `Table` that contain the preset.
        name: str. Name of the preset.

    Returns:
        Nested dict `[table][method][metric]` of a number, or of a list of the mean and
        both ends of the 95 % interval, which are None for few persons.
    """
    return {table.name: _metrics(table, name) for table in tables}


def _metrics(table, name):
    found = {method: {} for method in _compared(table, "seconds", name)}
    for metric in (METRICS[known] for known in table.metrics):
        for method, values in _compared(table, metric.name, name).items():
            found[method][metric.name] = _averaged(table, metric, values)
    if limit := table.record["data"].get("success"):
        shares = {m: table.success(m, limit) for m in table.values("tre")}
        for method, share in _named(table, name, shares).items():
            found[method]["success_percent"] = round(100 * share)
    return found


def _averaged(table, metric, values):
    """Average over pairs, with the interval if the metric has one, and round."""
    if not metric.interval:
        return round(metric.average(values.values()), metric.digits)
    found = estimate(values, table.persons)
    return [
        end if end is None else round(end, metric.digits)
        for end in (found.mean, found.low, found.high)
    ]


def _compared(table, metric, name):
    """Collect the values of a preset's methods and of the best baseline."""
    return _named(table, name, table.values(metric))


def _named(table, name, values):
    """Select a preset's methods and the best baseline, and shorten their names."""
    own = {
        method: method.removeprefix(name).strip() or ONE_PASS
        for method in table.methods
        if method.split()[0] == name
    }
    others = {m: m for m in (*ALIGNMENTS, best_baseline(table)) if m}
    return {text: values[m] for m, text in {**others, **own}.items() if m in values}


def _cells(table, name, metric):
    """Format the cells of one table and metric, starting at `measured on`."""
    found = _compared(table, metric.name, name)
    means = {
        method: metric.text(statistics.mean(values.values()))
        for method, values in found.items()
    }
    best = best_baseline(table)
    own = [method for method in found if method not in (*ALIGNMENTS, best)]
    accuracy = [metric.text(_averaged(table, metric, found[m])) for m in own]
    return [
        f"[{table.name}](RESULTS.md#{table.name}), {metric.heading}",
        means.get(START, ""),
        f"{means[best]} `{best}`" if best not in (None, START) else "",
        *[*accuracy, ""][:2],
        _folds(table, name, own),
        _both(table, "seconds", name, own),
    ]


def _folds(table, name, methods):
    """Format the folds in the foreground, or of the grid if only they are measured."""
    foreground = _both(table, "folded_foreground_percent", name, methods)
    grid = _both(table, "folded_percent", name, methods)
    return foreground or (f"{grid} of the grid" if grid else "")


def _both(table, metric, name, methods):
    """Format a metric of one pass and, if measured, with refinement."""
    found = _compared(table, metric, name)
    average = METRICS[metric].average
    return " / ".join(
        f"{average(found[m].values()):.2g}" for m in methods if m in found
    )
