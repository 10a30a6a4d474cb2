"""What was measured, for reading: a data set's tables, RESULTS.md, a preset's figures.

Everything is made from the CSV and JSON files that `evaluate` writes, and so can be
made again at any time.
"""

import dataclasses
import json
import pathlib
import statistics

import numpy as np

from kregzoo import zoo
from kregzoo.evaluation import portability
from kregzoo.evaluation.benchmark import HEADS, texts
from kregzoo.evaluation.statistics import Estimate, estimate, paired_difference
from kregzoo.evaluation.table import by_pair, read_rows
from kregzoo.utils.files import atomic
from kregzoo.zoo.cards import ACCURACY, ONE_PASS, REGULARITY, START, markdown

FOLDER = "results"
SPEED, GPU_SPEED = f"{FOLDER}/benchmark.json", f"{FOLDER}/benchmark_gpu.json"
PORTABILITY = f"{FOLDER}/portability.json"
# What a deformable registration begins with.
ALIGNMENTS = (START, "iterative-affine")
# Of the table of presets.
HEADINGS = (
    "preset",
    "section",
    "predicts",
    "measured on",
    "centres aligned",
    "best other tool",
    "one pass",
    "refined",
    "folds in %",
    "seconds",
)
BEGIN, END = "<!-- presets -->", "<!-- end of presets -->"


@dataclasses.dataclass(frozen=True)
class Table:
    """The rows measured on one data set, and what they are.

    Args:
        name: str, the data's name.
        rows: list of dicts, see `kregzoo.evaluation.table`.
        record: dict of `data`, `methods` and `run`.
    """

    name: str
    rows: list
    record: dict

    @classmethod
    def read(cls, path):
        """Read a CSV file and the JSON file beside it."""
        path = pathlib.Path(path)
        record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        return cls(path.stem, read_rows(path), record)

    @property
    def methods(self):
        """Names of the methods, in the order in which they were asked for."""
        return list(self.record["methods"])

    def values(self, figure):
        """A figure by method and pair, of the methods that have it."""
        found = by_pair(self.rows, figure)
        return {name: found[name] for name in self.methods if name in found}

    def success(self, method, limit):
        """The share of a method's pairs, failures included, with a TRE below a limit.

        Args:
            method: str.
            limit: float, in mm.
        """
        pairs = {row["pair"] for row in self.rows if row["method"] == method}
        errors = self.values("tre")[method].values()
        return sum(error < limit for error in errors) / len(pairs)

    @property
    def presets(self):
        """Names of the presets among the methods."""
        weighted = [
            name for name in self.methods if "weights" in self.record["methods"][name]
        ]
        return list(dict.fromkeys(name.split()[0] for name in weighted))

    def ours(self):
        """Names of the methods that are presets, refined or not."""
        return [name for name in self.methods if name.split()[0] in self.presets]


def summary(table):
    """Every method's figures on one data set, as Markdown.

    Args:
        table: the `Table`.

    Returns:
        Tables of means with 95 % intervals, and of differences, as a str.
    """
    parts = [_means(table)]
    for figure in ("dice", "tre"):
        if table.values(figure) and table.presets:
            parts += [_differences(table, figure)]
    failures = [row for row in table.rows if row["error"]]
    if failures:
        lines = [f"- {r['method']}, {r['pair']}: {r['error']}" for r in failures]
        parts.append("Failed:\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def read_tables(folder):
    """Read all the tables that `evaluate` wrote to a folder's `results/`.

    Args:
        folder: the folder.

    Returns:
        List of `Table`, by name.
    """
    paths = sorted((pathlib.Path(folder) / FOLDER).glob("*.csv"))
    return [Table.read(path) for path in paths]


def write_results(folder):
    """Write RESULTS.md from all the tables of a folder.

    Args:
        folder: folder with the tables in `results/`, and with what `kregzoo benchmark`
            measured in `results/benchmark.json`, on a GPU in
            `results/benchmark_gpu.json`, and `kregzoo portability` in
            `results/portability.json`; of what was not run it says so.

    Returns:
        Path of the file.
    """
    folder = pathlib.Path(folder)
    tables = read_tables(folder)
    parts = [INTRODUCTION, f"{BEGIN}\n{preset_table(tables)}{END}"]
    parts += [_section(table, folder) for table in tables]
    parts += [_measured(folder, *section) for section in SECTIONS]
    with atomic(folder / "RESULTS.md") as temporary:
        temporary.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return folder / "RESULTS.md"


def preset_table(tables):
    """The table of presets as Markdown.

    Args:
        tables: list of `Table`.

    Returns:
        The table as a str.
    """
    return markdown(HEADINGS, preset_rows(tables))


def preset_rows(tables):
    """The rows of the table of presets, one for each data set that measured it.

    Args:
        tables: list of `Table`.

    Returns:
        List of lists of texts, one below each of `HEADINGS`.
    """
    rows = []
    for record in zoo.list_models():
        measured = [table for table in tables if record.name in table.presets]
        about = [f"`{record.name}`", record.chapter, record.transform]
        cells = [
            _preset_cells(table, record.name, figure)
            for table in measured
            for figure in ("dice", "tre")
            if record.name in table.values(figure)
        ]
        rows += [
            [*about, *texts]
            for texts in cells or [["not measured", *[""] * (len(HEADINGS) - 4)]]
        ]
    return rows


def preset_figures(tables, name):
    """A preset's figures, for its metadata and card.

    Args:
        tables: list of the `Table` that it was measured in.
        name: str, the preset.

    Returns:
        Dict by the table's name of dicts by method of dicts of numbers; those of
        accuracy are the mean and both ends of its 95 % interval.
    """
    return {table.name: _figures(table, name) for table in tables}


def _figures(table, name):
    figures = {method: {} for method in _compared(table, "seconds", name)}
    for figure, (_, digits) in {**ACCURACY, **REGULARITY}.items():
        for method, values in _compared(table, figure, name).items():
            found = estimate(values.values())
            mean, *interval = (
                round(value, digits) for value in (found.mean, found.low, found.high)
            )
            accurate = figure in ACCURACY
            figures[method][figure] = [mean, *interval] if accurate else mean
    if success := table.record["data"].get("success"):
        shares = {m: table.success(m, success) for m in table.values("tre")}
        for method, share in _named(table, name, shares).items():
            figures[method]["success_percent"] = round(100 * share)
    for method, values in _compared(table, "seconds", name).items():
        figures[method]["seconds"] = round(statistics.median(values.values()), 1)
    return figures


def _compared(table, figure, name):
    """Values of a preset's methods and of the best baseline, under short names."""
    return _named(table, name, table.values(figure))


def _named(table, name, values):
    """What a preset's methods and the best baseline have, under short names."""
    own = {
        method: method.removeprefix(name).strip() or ONE_PASS
        for method in table.methods
        if method.split()[0] == name
    }
    others = {m: m for m in (*ALIGNMENTS, _best_baseline(table)) if m}
    return {text: values[m] for m, text in {**others, **own}.items() if m in values}


def _best_baseline(table):
    """The method not ours that is the most accurate: by TRE if there is one."""
    figure, sign = ("tre", -1) if table.values("tre") else ("dice", 1)
    means = {
        method: sign * statistics.mean(values.values())
        for method, values in table.values(figure).items()
        if method not in table.ours()
    }
    return max(means, key=means.get, default=None)


def _preset_cells(table, name, figure):
    """What one table says of a preset by one figure, from `measured on` on."""
    title, digits = ACCURACY[figure]
    found = _compared(table, figure, name)
    means = {
        method: f"{statistics.mean(values.values()):.{digits}f}"
        for method, values in found.items()
    }
    best = _best_baseline(table)
    own = [method for method in found if method not in (*ALIGNMENTS, best)]
    accuracy = [estimate(found[method].values()).text(digits) for method in own]
    return [
        f"[{table.name}](RESULTS.md#{table.name}), {title}",
        means[START],
        f"{means[best]} `{best}`" if best != START else "",
        *[*accuracy, ""][:2],
        _both(
            table, "folded_percent", name, own, lambda v: f"{statistics.mean(v):.2g}"
        ),
        _both(table, "seconds", name, own, lambda v: f"{statistics.median(v):.2g}"),
    ]


def _both(table, figure, name, methods, text):
    """A figure of one pass and, if it was measured, refined."""
    found = _compared(table, figure, name)
    return " / ".join(text(found[m].values()) for m in methods if m in found)


def _means(table):
    figures = {k: v for k, v in ACCURACY.items() if table.values(k)}
    heads = ["method", "pairs"]
    heads += [f"{title}, mean [95 %]" for title, _ in figures.values()]
    heads += [f"SD of {title.partition(' ')[0]}" for title, _ in figures.values()]
    regularity = {k: v for k, v in REGULARITY.items() if table.values(k)}
    success = table.record["data"].get("success")
    if success:
        heads += ["TRE in mm, median and 95th percentile"]
        heads += [f"TRE under {success:g} mm, %"]
    heads += [title for title, _ in regularity.values()] + ["seconds, median"]
    rows = [
        [
            method,
            str(len(seconds)),
            *_cells(table, method, figures, Estimate.text),
            *_cells(table, method, figures, lambda found, n: f"{found.sd:.{n}f}"),
            *(_robustness(table, method, success) if success else []),
            *_cells(table, method, regularity, lambda found, n: f"{found.mean:.{n}f}"),
            f"{statistics.median(seconds.values()):.1f}",
        ]
        for method, seconds in table.values("seconds").items()
    ]
    return markdown(heads, rows)


def _robustness(table, method, limit):
    """Median and 95th percentile of the error, and how often it is below the limit."""
    errors = list(table.values("tre")[method].values())
    middle, high = np.percentile(errors, (50, 95))
    return f"{middle:.1f}, {high:.1f}", f"{100 * table.success(method, limit):.0f}"


def _cells(table, method, figures, text):
    """The text of the estimate of each figure of a method, where there is one."""
    found = {f: estimate(table.values(f).get(method, {}).values()) for f in figures}
    return [text(found[f], n) if found[f] else "" for f, (_, n) in figures.items()]


def _differences(table, figure):
    title, digits = ACCURACY[figure]
    values = table.values(figure)
    ours = [method for method in table.ours() if method in values]
    rows = []
    for method in values:
        if method in ours:
            continue
        found = [paired_difference(values[own], values[method]) for own in ours]
        rows.append([method, *(f.text(digits) if f else "" for f in found)])
    heads = [f"{title}: column minus row, paired, mean [95 %]", *ours]
    return markdown(heads, rows)


def _section(table, folder):
    data, run = table.record["data"], table.record["run"]
    figures = sorted((folder / FOLDER).glob(f"{table.name}_*.png"))
    pictures = "\n".join(
        f"![{path.stem.replace('_', ' ')}]({FOLDER}/{path.name})" for path in figures
    )
    methods = "\n".join(
        f"- `{name}`: " + ", ".join(f"{k} {v}" for k, v in text.items())
        for name, text in table.record["methods"].items()
    )
    return SECTION.format(
        **data, **run, table=summary(table), pictures=pictures, methods=methods
    )


def _measured(folder, title, name, command, text):
    """A section of what a command of its own measures."""
    title = f"## {title}\n\n"
    if not (folder / name).is_file():
        return f"{title}Not measured: `kregzoo {command} -o {name}` does."
    return title + text(json.loads((folder / name).read_text(encoding="utf-8")))


def _speed(record):
    table = markdown(HEADS, [row for r in record["benchmarks"] for row in texts(r)])
    return SPEED_SECTION.format(**record["run"], table=table)


def _portability(record):
    tables = {
        name: markdown(heads, map(portability.texts, record["tables"][name]))
        for name, heads in portability.TABLES.items()
    }
    return PORTABILITY_SECTION.format(**record["run"], **tables)


INTRODUCTION = """\
# Results

Made by `kregzoo evaluate` from the tables in `results/`, one row a pair, method and
label; not edited by hand. Every method registers the raw files of the held-out pairs,
which no training or tuning saw. The same code judges all of them: labels warped once,
by nearest neighbour, on the fixed image's own grid. A figure of a pair is the mean over
its labels; means over pairs come with the percentile bootstrap's 95 % interval over
pairs. Pairs that share a person are not independent, which makes intervals too narrow.
HD95 leaves out structures that a method lost. Folds and SDlogJ are those of the whole
transform. The inverse error is how far the structures' voxels come back from where they
were, through the transform and through the one back that the method predicts with it.
Seconds are the median over pairs, from reading two files to having written the warped
image and the transform, without loading the network, on an idle machine.

Every tool finds its own start and runs with its own defaults, which are not made for
each kind of image: `iterative-*` compares by correlation and the demons by intensity,
neither of which is meant for images of two modalities. `ants-syncc` can be asked for,
and is left out of the tables for its time.

## Presets"""

SECTION = """\
## {name}

{title}. Source: {source}. Licence: {licence}. {pairs} pairs.

{table}
{pictures}

Measured on {date} at commit {commit} on {machine}, {backend}, by

    {command}

{methods}"""

SPEED_SECTION = """\
The implementations of a benchmark take turns in one process. A ratio is the seconds of
another implementation over ours in the same round: the median and the range over the
rounds. Peak memory is that of one pass in a separate process, without inputs, weights
and imports.

{table}
Measured on {date} at commit {commit} on {machine}, {backend}, by

    {command}"""

PORTABILITY_SECTION = """\
Each row was measured in a process of its own, on the MNI152 template moved and bent.
The difference between backends is that of the whole displacement, from the first one's;
seconds are those of a second registration.

{backends}
Exported, a network and its warp are run by TensorFlow, onnxruntime or LiteRT; the
difference is the largest of any output, in voxels or intensities from 0 to 1.

{export}
The peak memory is that of the process that reads two cubes of 1 mm voxels, registers
them and writes the results, with the libraries and the backend that it holds; seconds
are those of a first registration, compilation included.

{memory}
Measured on {date} at commit {commit} on {machine}, {backend}, by

    {command}"""

SECTIONS = (
    ("Speed", SPEED, "benchmark", _speed),
    ("Speed on a GPU", GPU_SPEED, "benchmark --gpu", _speed),
    ("Backends, formats and memory", PORTABILITY, "portability", _portability),
)
