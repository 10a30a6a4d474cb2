"""The results on groups of pairs: those of the data, and the hardest quarter."""

import math

from kregzoo.evaluation.statistics import estimate
from kregzoo.zoo.cards import markdown

HARDEST = "hardest quarter"


def groups_of(table, metric):
    """Group the pairs of a table.

    Args:
        table: the `Table`.
        metric: the `Metric` that ranks the pairs before registration.

    Returns:
        Dict of lists of pairs: the groups that the data name, if there are at least
        two, and the quarter of the pairs that is worst before registration.

    Example:
        >>> from kregzoo.evaluation import Table
        >>> from kregzoo.metrics import METRICS
        >>> data = {"groups": {"a1": "a", "a2": "a", "b1": "b"}}
        >>> table = Table("t", [], {"data": data, "methods": {}})
        >>> groups_of(table, METRICS["dice"])
        {'a': ['a1', 'a2'], 'b': ['b1']}
    """
    groups = {}
    for pair, group in sorted(table.groups.items(), key=lambda item: item[1]):
        groups.setdefault(group, []).append(pair)
    if len(groups) < 2:
        groups = {}
    start = table.start(metric.name)
    if len(start) >= 4:
        ordered = sorted(start, key=lambda pair: metric.sign * start[pair])
        groups[HARDEST] = ordered[: math.ceil(len(ordered) / 4)]
    return groups


def group_table(table, metric):
    """Write the means of every method by group as Markdown.

    Args:
        table: the `Table`.
        metric: the `Metric`.

    Returns:
        A str, empty if there are no groups.
    """
    groups = groups_of(table, metric)
    if not groups:
        return ""
    heads = [f"{metric.heading} by group, mean [{table.interval}]"]
    heads += [f"{group}: {size_of(table, pairs)}" for group, pairs in groups.items()]
    rows = [
        [method, *(_cell(table, metric, values, pairs) for pairs in groups.values())]
        for method, values in table.values(metric.name).items()
    ]
    return markdown(heads, rows)


def size_of(table, pairs):
    """Count pairs and, if they are known, persons.

    Args:
        table: the `Table`.
        pairs: list of str.

    Returns:
        A str, for example `"20 pairs of 5 persons"`.
    """
    persons = {name for pair in pairs for name in table.persons.get(pair, ())}
    size = _counted(len(pairs), "pair")
    return f"{size} of {_counted(len(persons), 'person')}" if persons else size


def _counted(count, noun):
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _cell(table, metric, values, pairs):
    found = estimate({p: values[p] for p in pairs if p in values}, table.persons)
    if found is None:
        return ""
    text = metric.text([found.mean, found.low, found.high])
    if found.count < len(pairs):
        text += f" ({_counted(found.count, 'pair')})"
    return text
