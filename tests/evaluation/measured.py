"""A table of results with known means."""

import json

import numpy as np

import kregzoo
from kregzoo import evaluation

PRESET = kregzoo.list_models()[0].name
DICE = {
    "identity": 0.3,
    "centers": 0.4,
    "iterative-affine": 0.5,
    "ants-syn": 0.6,
    PRESET: 0.65,
    f"{PRESET} refine=50": 0.7,
}
PAIRS = 8


def write_table(folder, tre=False, labels=(1, 2), **about):
    """Make a table with known means and noise that sums to zero over the pairs.

    `about` is added to the description of the data: `persons` and `groups`.
    """
    noise = np.random.default_rng(0).normal(0, 0.01, PAIRS)
    noise -= noise.mean()
    rows = [
        {
            "pair": f"p{pair}",
            "method": method,
            "label": label,
            "metric": metric,
            "value": value,
        }
        for pair in range(PAIRS)
        for method, dice in DICE.items()
        for label, metric, value in [
            *(
                (label, "dice", dice + noise[pair] + (0.05 if label == 1 else -0.05))
                for label in labels
            ),
            *((label, "hd95", 5 * (1 - dice)) for label in labels),
            (None, "tre", 10 * (1 - dice) + noise[pair]),
            (None, "folded_foreground_percent", 0.05),
            (None, "folded_percent", 0.01),
            (None, "sd_log_j", 0.2),
            (None, "seconds", 100.0 if pair == 0 else 4.0),
        ]
        if metric != "tre" or tre
    ]
    folder.mkdir(parents=True)
    evaluation.write_rows(folder / "blobs.csv", rows)
    methods = {name: {"package": "test 1"} for name in DICE}
    for name in list(DICE)[-2:]:
        methods[name]["weights"] = "abc"
    keys = ("command", "date", "version", "commit", "machine", "backend")
    record = {
        "data": dict(name="blobs", title="B", source="s", licence="l", **about),
        "methods": methods,
        "run": {key: f"the {key}" for key in keys},
    }
    (folder / "blobs.json").write_text(json.dumps(record))
    return evaluation.Table.read(folder / "blobs.csv")
