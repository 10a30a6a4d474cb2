"""The results on one data set as Markdown: means, intervals, groups, differences."""

import statistics

import numpy as np

from kregzoo.evaluation.groups import group_table
from kregzoo.evaluation.statistics import estimate, paired_difference
from kregzoo.metrics.registry import METRICS
from kregzoo.zoo.cards import markdown


def summary(table):
    """Summarize every method on one data set as Markdown.

    Args:
        table: the `Table`.

    Returns:
        Tables of means with 95 % intervals, of means by group, and of paired
        differences, as a str.
    """
    parts = [_means(table), *(group_table(table, m) for m in table.ranking)]
    if table.presets:
        parts += [_differences(table, metric) for metric in table.ranking]
    if table.failures:
        lines = [f"- {r['method']}, {r['pair']}: {r['value']}" for r in table.failures]
        parts.append("Failed:\n\n" + "\n".join(lines))
    return "\n\n".join(filter(None, parts)) + "\n"


def _means(table):
    """Write one row per method: accuracy, standard deviation, regularity and time."""
    metrics = [METRICS[name] for name in table.metrics]
    accuracy = [metric for metric in metrics if metric.interval]
    others = [metric for metric in metrics if not metric.interval]
    limit = table.record["data"].get("success")
    heads = [
        "method",
        "pairs",
        *(f"{metric.heading}, mean [{table.interval}]" for metric in accuracy),
        *(f"SD of {metric.title}" for metric in accuracy),
        *(_success_heads(limit) if limit else []),
        *(_heading(metric) for metric in others),
    ]
    rows = []
    for method, seconds in table.values("seconds").items():
        found = {m.name: _estimate(table, m, method) for m in accuracy}
        rows.append(
            [
                method,
                str(len(seconds)),
                *(_cell(m, found[m.name], _with_interval) for m in accuracy),
                *(_cell(m, found[m.name], lambda e: e.sd) for m in accuracy),
                *(_success(table, method, limit) if limit else []),
                *(m.text(_average(table, m, method)) for m in others),
            ]
        )
    return markdown(heads, rows)


def _heading(metric):
    median = metric.average is statistics.median
    return f"{metric.heading}, median" if median else metric.heading


def _estimate(table, metric, method):
    return estimate(table.values(metric.name).get(method, {}), table.persons)


def _average(table, metric, method):
    values = table.values(metric.name).get(method)
    return metric.average(values.values()) if values else None


def _with_interval(found):
    return [found.mean, found.low, found.high]


def _cell(metric, found, value):
    return metric.text(value(found)) if found else ""


def _success_heads(limit):
    tre = METRICS["tre"]
    return (
        f"{tre.heading}, median and 95th percentile",
        f"{tre.title} under {limit:g} {tre.unit}, %",
    )


def _success(table, method, limit):
    """Format the median and 95th percentile of the error, and the success rate."""
    errors = list(table.values("tre").get(method, {}).values())
    if not errors:
        return "", "0"
    middle, high = np.percentile(errors, (50, 95))
    percent = METRICS["success_percent"].text(100 * table.success(method, limit))
    return f"{middle:.1f}, {high:.1f}", percent


def _differences(table, metric):
    """Write the paired differences between each preset and each other method."""
    values = table.values(metric.name)
    ours = [method for method in table.ours() if method in values]
    rows = []
    for method in values:
        if method not in ours:
            found = [
                paired_difference(values[own], values[method], table.persons)
                for own in ours
            ]
            cells = [_cell(metric, difference, _with_interval) for difference in found]
            rows.append([method, *cells])
    heads = [f"{metric.heading}: column minus row, paired, mean [{table.interval}]"]
    return markdown([*heads, *ours], rows)


def best_baseline(table):
    """Find the most accurate method that is not a preset, by the main metric.

    Args:
        table: the `Table`.

    Returns:
        Its name, or None.
    """
    if not table.ranking:
        return None
    metric = table.ranking[-1]
    means = {
        method: metric.sign * statistics.mean(values.values())
        for method, values in table.values(metric.name).items()
        if method not in table.ours()
    }
    return max(means, key=means.get, default=None)
