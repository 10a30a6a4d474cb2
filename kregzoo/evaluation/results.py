"""RESULTS.md: a report of all measurements.

It is generated from the CSV and JSON files that `evaluate` and the other commands
write, and can be generated again at any time.
"""

import json
import pathlib

from kregzoo.evaluation import portability
from kregzoo.evaluation.benchmark import HEADS, texts
from kregzoo.evaluation.groups import size_of
from kregzoo.evaluation.preset_table import preset_table
from kregzoo.evaluation.summary import summary
from kregzoo.evaluation.table import Table
from kregzoo.metrics.registry import METRICS
from kregzoo.utils.files import atomic
from kregzoo.zoo.cards import markdown

FOLDER = "results"
SPEED, GPU_SPEED = f"{FOLDER}/benchmark.json", f"{FOLDER}/benchmark_gpu.json"
PORTABILITY = f"{FOLDER}/portability.json"
BEGIN, END = "<!-- presets -->", "<!-- end of presets -->"


def read_tables(folder):
    """Read all tables that `evaluate` wrote to a folder's `results/`.

    Args:
        folder: the folder.

    Returns:
        List of `Table`, by name.
    """
    paths = sorted((pathlib.Path(folder) / FOLDER).glob("*.csv"))
    return [Table.read(path) for path in paths]


def write_results(folder):
    """Write RESULTS.md from all tables of a folder.

    Args:
        folder: folder whose `results/` contains the tables, and the measurements of
            `kregzoo benchmark` in `benchmark.json`, on a GPU in `benchmark_gpu.json`,
            and of `kregzoo portability` in `portability.json`. RESULTS.md says which
            are missing.

    Returns:
        Path of the file.
    """
    folder = pathlib.Path(folder)
    tables = read_tables(folder)
    metrics = "\n".join(f"- {m.title}: {m.definition}" for m in METRICS.values())
    parts = [
        INTRODUCTION.format(metrics=metrics),
        f"{BEGIN}\n{preset_table(tables)}{END}",
    ]
    parts += [_section(table, folder) for table in tables]
    parts += [_measured(folder, *section) for section in SECTIONS]
    with atomic(folder / "RESULTS.md") as temporary:
        temporary.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return folder / "RESULTS.md"


def _section(table, folder):
    data, run = table.record["data"], table.record["run"]
    paths = sorted((folder / FOLDER).glob(f"{table.name}_*.png"))
    pictures = "\n".join(
        f"![{path.stem.replace('_', ' ')}]({FOLDER}/{path.name})" for path in paths
    )
    methods = "\n".join(
        f"- `{name}`: " + ", ".join(f"{k} {v}" for k, v in text.items())
        for name, text in table.record["methods"].items()
    )
    return SECTION.format(
        **data,
        **run,
        size=size_of(table, list(dict.fromkeys(row["pair"] for row in table.rows))),
        table=summary(table),
        pictures=pictures,
        methods=methods,
        runs=_other_runs(table.record),
    )


def _other_runs(record):
    """Name the methods that another commit measured, see `evaluate`."""
    names = {}
    for name, run in record.get("runs", {}).items():
        names.setdefault((run["date"], run["commit"]), []).append(f"`{name}`")
    return "".join(
        f"Measured on {date} at commit {commit}: {', '.join(methods)}.\n\n"
        for (date, commit), methods in names.items()
    )


def _measured(folder, title, name, command, text):
    """Write the section of a command other than `evaluate`."""
    title = f"## {title}\n\n"
    if not (folder / name).is_file():
        return f"{title}Not measured. To measure, run `kregzoo {command} -o {name}`."
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

`kregzoo evaluate` generates this file from the tables in `results/`, which have one row
per pair, method, label and metric. Do not edit it by hand. Every method registers the
raw files of held-out pairs, which were not used for training or tuning. The same code
measures all methods: labels are warped once, by nearest neighbor, to the grid of the
fixed image. The value of a pair is the mean over the labels. Means over pairs are given
with the 95 % interval of the percentile bootstrap over persons: a person is drawn with
all pairs of this person, and a pair of two persons counts as often as the product of
their numbers. With fewer than five persons, there is no interval, because the spread
between persons is unknown. The hardest quarter are the pairs with the worst result
before registration.

{metrics}

Every tool computes its own initial alignment and runs with its default parameters. The
defaults do not suit all kinds of images: `iterative-*` maximizes correlation and the
demons compare intensities, so neither is meant for images of two modalities.
`ants-syncc` is available, but not in the tables because it is slow.

## Presets"""

SECTION = """\
## {name}

{title}. Source: {source}. License: {licence}. {size}.

{table}
{pictures}

Measured on {date} at commit {commit} on {machine}, {backend}, by

    {command}

{runs}{methods}"""

SPEED_SECTION = """\
The implementations of a benchmark alternate in one process. A ratio is the time of
another implementation divided by ours in the same round, given as the median and the
range over the rounds. Peak memory is that of one pass in a separate process, without
inputs, weights and imports.

{table}
Measured on {date} at commit {commit} on {machine}, {backend}, by

    {command}"""

PORTABILITY_SECTION = """\
Each row was measured in a separate process, on the MNI152 template and a deformed copy.
The difference between backends is the mean difference of the whole displacement from
that of the first backend. The time is that of a second registration.

{backends}
TensorFlow, onnxruntime or LiteRT runs the exported network and its warp. The difference
is the largest difference of any output, in voxels or intensities from 0 to 1.

{export}
The peak memory is that of a process that reads two cubes of 1 mm voxels, registers them
and writes the results. It includes the libraries and the backend. The time is that of
the first registration, including compilation.

{memory}
Measured on {date} at commit {commit} on {machine}, {backend}, by

    {command}"""

SECTIONS = (
    ("Speed", SPEED, "benchmark", _speed),
    ("Speed on a GPU", GPU_SPEED, "benchmark --gpu", _speed),
    ("Backends, formats and memory", PORTABILITY, "portability", _portability),
)
