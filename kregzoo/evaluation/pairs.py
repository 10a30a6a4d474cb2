"""Accuracy and time on the `eval` pairs of a data folder, from raw files.

Labels are warped once, with nearest neighbour, onto the fixed image's own grid. Every
method reads the same two files and writes the warped image and the transform; the
seconds are from the first byte read to the last one written.
"""

import json
import pathlib
import tempfile
import time

import numpy as np

from kregzoo.metrics import dice
from kregzoo.registrars.registration import Registration
from kregzoo.spatial import CompositeTransform, Image
from kregzoo.spatial.files import atomic
from kregzoo.training import read_dataset

METHODS = ("affine", "network", "refined", "syn")


def evaluate(registrar, data, methods=METHODS, refine=50, on_row=lambda row: None):
    """Register every held-out pair by every method.

    Args:
        registrar: the registrar to measure.
        data: folder with a `dataset.json` whose `eval` pairs have labels.
        methods: names out of `METHODS`: `"affine"` is the registrar's own alignment
            alone, `"network"` one pass, `"refined"` with `refine` iterations, `"syn"`
            ANTsPy's affine and SyN with its default parameters.
        refine: int. Iterations of `"refined"`.
        on_row: callable given each row when it is done.

    Returns:
        List of dicts with `pair`, `method`, `dice` (mean over the labels that all the
        images share), `folded_percent`, `sd_log_j` and `seconds`.
    """
    pairs = read_dataset(data)["eval"]
    labels = _common_labels(pairs)
    runs = {
        "affine": lambda *files: _ours(registrar, *files, affine_only=True),
        "network": lambda *files: _ours(registrar, *files),
        "refined": lambda *files: _ours(registrar, *files, refine=refine),
        "syn": _syn,
    }
    rows = []
    for pair in pairs:
        for method in methods:
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                warp_labels, figures = runs[method](
                    pair["moving"], pair["fixed"], pathlib.Path(folder)
                )
                seconds = time.perf_counter() - start
                warped = warp_labels(pair["moving_label"])
            fixed = Image.read(pair["fixed_label"]).array
            rows.append(
                {
                    "pair": f"{_stem(pair['moving'])} to {_stem(pair['fixed'])}",
                    "method": method,
                    "dice": float(np.mean(list(dice(fixed, warped, labels).values()))),
                    **figures,
                    "seconds": round(seconds, 2),
                }
            )
            on_row(rows[-1])
    return rows


def summarise(rows):
    """Mean of each figure over the pairs, by method.

    Args:
        rows: what `evaluate` returned.

    Returns:
        Dict of dicts: `summary[method][figure]`.
    """
    summary = {}
    for method in dict.fromkeys(row["method"] for row in rows):
        chosen = [row for row in rows if row["method"] == method]
        figures = [key for key in chosen[0] if key not in ("pair", "method")]
        summary[method] = {
            key: float(np.mean([row[key] for row in chosen])) for key in figures
        }
    return summary


def table(summary):
    """Make a table of a summary to print.

    Args:
        summary: what `summarise` returned.

    Returns:
        A `rich.table.Table`.
    """
    from rich.table import Table

    figures = list(next(iter(summary.values())))
    rich_table = Table("method", *(name.replace("_", " ") for name in figures))
    for method, values in summary.items():
        rich_table.add_row(method, *(f"{values[name]:.4g}" for name in figures))
    return rich_table


def figures(summary, refine):
    """The figures of a summary as a card shows them.

    Args:
        summary: what `summarise` returned.
        refine: int. Iterations of `"refined"`.

    Returns:
        Dict of numbers, rounded.
    """
    names = {
        "affine": "affine alone",
        "network": "one pass",
        "refined": f"refine={refine}",
        "syn": "ANTs SyN",
    }
    digits = {"dice": 4, "folded_percent": 4, "sd_log_j": 3, "seconds": 1}
    return {
        f"{figure} {names[method]}": round(value, digits[figure])
        for figure in digits
        for method, values in summary.items()
        for value in [values[figure]]
        if method != "affine" or figure == "dice"
    }


def write_rows(path, rows):
    """Write the rows of `evaluate` as JSON, the file appearing when complete."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(rows, indent=1) + "\n")


def _ours(registrar, moving, fixed, folder, refine=0, affine_only=False):
    result = registrar.register(moving, fixed, refine=refine, progress=False)
    if affine_only:
        # What was found, and before it the alignment of centres that it began with.
        _, *affines = result.transform.transforms
        affine = CompositeTransform(affines)
        result = Registration(result.moving, result.fixed, affine, result.seconds)
    result.save(folder)
    figures = {
        key: result.metrics.get(key, 0.0) for key in ("folded_percent", "sd_log_j")
    }
    return lambda label: result.apply(label, "nearest").array, figures


def _syn(moving, fixed, folder):
    import ants

    moving, fixed = ants.image_read(str(moving)), ants.image_read(str(fixed))
    result = ants.registration(fixed, moving, "SyN", outprefix=str(folder / "syn_"))
    ants.image_write(result["warpedmovout"], str(folder / "warped.nii.gz"))
    jacobian = ants.create_jacobian_determinant_image(fixed, result["fwdtransforms"][0])
    values = jacobian.numpy()
    folded = values <= 0
    figures = {
        "folded_percent": float(100 * folded.mean()),
        "sd_log_j": float(np.log(values[~folded]).std()),
    }

    def warp_labels(label):
        warped = ants.apply_transforms(
            fixed,
            ants.image_read(str(label)),
            result["fwdtransforms"],
            interpolator="nearestNeighbor",
        )
        return warped.numpy().astype(int)

    return warp_labels, figures


def _common_labels(pairs):
    values = [
        set(np.unique(Image.read(path).array))
        for path in {p[key] for p in pairs for key in ("moving_label", "fixed_label")}
    ]
    return sorted(int(label) for label in set.intersection(*values) - {0})


def _stem(path):
    return path.name.split(".")[0]
