"""Held-out pairs of a data folder with label maps.

The same code measures every method: labels are warped once, by nearest neighbor, to the
grid of the fixed image, and the Jacobian is that of the whole transform on this grid.
"""

import collections
import dataclasses
import pathlib

import numpy as np

from kregzoo.metrics.registry import METRICS, measured_on
from kregzoo.protocols.pair_cases import (
    PairCase,
    region_points,
    save_registration,
)
from kregzoo.protocols.protocol import Protocol, rows_of
from kregzoo.protocols.subjects import stem, subjects_of
from kregzoo.spatial import LabelMap
from kregzoo.training import read_dataset

PATHS = ("moving", "fixed", "moving_label", "fixed_label")


@dataclasses.dataclass(frozen=True)
class LabeledPair(PairCase):
    """Two images to register, and their label maps.

    Args:
        name: str. The pair.
        moving: path of the moving image.
        fixed: path of the fixed image.
        moving_label: path of the label map of the moving image: integers, or one binary
            channel per structure along a fourth axis. Channels after the first are
            landmarks.
        fixed_label: path of the label map of the fixed image.
        labels: tuple of ints, the label values or numbers of channels to measure.
        persons: tuple of str, see `Case`.
        group: str.
    """

    name: str
    moving: pathlib.Path
    fixed: pathlib.Path
    moving_label: pathlib.Path
    fixed_label: pathlib.Path
    labels: tuple = ()
    persons: tuple = ()
    group: str = ""

    def measure_transform(self, transform, inverse=None):
        """Measure how well a transform aligns the pair.

        Args:
            transform: the world transform from fixed to moving.
            inverse: the predicted inverse transform, if any.

        Returns:
            List of dicts of `label`, `metric` and `value`. For each structure these are
            the metrics on structures, for each landmark the distance of the centroids
            in the moving image, and for the whole pair, with `label` None, the metrics
            of the displacement, on the grid and in the foreground (the voxels of all
            structures of the fixed image), and `"inverse_error"`.
        """
        fixed = LabelMap.read(self.fixed_label)
        moving = LabelMap.read(self.moving_label)
        warped = moving.warp(transform, fixed.grid)
        rows = []
        for label in self.labels:
            # Overlap is not meaningful for landmarks, which are small.
            if fixed.channels and label > 0:
                found = _landmark_metrics(fixed, moving, label, transform)
            else:
                found = _structure_metrics(fixed, warped, label)
            rows += rows_of(found, label)
        displacement = transform.displacement_on(fixed.grid)
        found = _displacement_metrics(displacement, _foreground(fixed))
        if inverse is not None:
            found["inverse_error"] = _inverse_error(fixed, transform, inverse)
        return rows + rows_of(found)


def read_pairs(data, count=None):
    """List the `eval` pairs of a data folder, with the structures to measure.

    For label maps of integers, these are the values common to all images, so that the
    mean over labels uses the same structures in every pair. For channels, these are the
    structures common to both images of a pair, because landmarks differ between pairs.

    Args:
        data: folder with a `dataset.json`, see `kregzoo.training.read_dataset`.
        count: int. Number of pairs to list, from the first. Defaults to all.

    Returns:
        List of `LabeledPair`.

    Raises:
        ValueError: If there is no pair, or a pair without labels.
    """
    records = read_dataset(data).get("eval") or [{}]
    missing = sorted({key for record in records for key in PATHS if key not in record})
    if missing:
        raise ValueError(
            "The data must have `eval` pairs of images with labels. "
            f"Received: {str(data)!r}, without {', '.join(missing)}"
        )
    names = [f"{stem(r['moving'])} to {stem(r['fixed'])}" for r in records]
    counts = collections.Counter(names)
    pairs = [
        # Files in different folders may have the same name.
        LabeledPair(
            name if counts[name] == 1 else f"{name} ({number})",
            *(record[key] for key in PATHS),
            **subjects_of(record, record["moving"], record["fixed"]),
        )
        for number, (name, record) in enumerate(zip(names, records, strict=True))
    ][:count]
    return [
        dataclasses.replace(pair, labels=labels)
        for pair, labels in zip(pairs, _structures(pairs), strict=True)
    ]


def _structures(pairs):
    paths = {path for pair in pairs for path in (pair.moving_label, pair.fixed_label)}
    maps = {path: LabelMap.read(path) for path in paths}
    labels = {path: found.labels() for path, found in maps.items()}
    if any(found.channels for found in maps.values()):
        both = [labels[pair.moving_label] & labels[pair.fixed_label] for pair in pairs]
    else:
        both = [set.intersection(*labels.values())] * len(pairs)
    return [tuple(sorted(found)) for found in both]


def _structure_metrics(fixed, warped, label):
    box = _union(fixed.box(label), warped.box(label))
    masks = fixed.mask(label, box), warped.mask(label, box)
    return {
        metric.name: metric.compute(*masks, fixed.grid.spacing)
        for metric in measured_on("structure")
    }


def _landmark_metrics(fixed, moving, label, transform):
    mapped = transform.apply_points(fixed.centroid(label))
    truth = moving.centroid(label)
    return {m.name: m.compute(mapped, truth) for m in measured_on("points")}


def _displacement_metrics(displacement, foreground):
    inside = measured_on("foreground")
    return {
        **{m.name: m.compute(displacement, foreground) for m in inside},
        **{m.name: m.compute(displacement) for m in measured_on("displacement")},
    }


def _foreground(label_map):
    """Return the mask of all structures."""
    return np.any([image.array for image in label_map.images], axis=0)


def _inverse_error(fixed, transform, inverse):
    """Compute the mean distance by which both transforms move voxels of structures."""
    points = region_points(_foreground(fixed), fixed.grid)
    mapped = inverse.apply_points(transform.apply_points(points))
    return METRICS["tre"].compute(mapped, points)


def _union(*boxes):
    """Return the smallest box around boxes, each a tuple of slices or None."""
    boxes = [box for box in boxes if box is not None]
    return tuple(
        slice(min(one.start for one in axis), max(one.stop for one in axis))
        for axis in zip(*boxes, strict=True)
    )


def _make_cases(data, folder, count=None):
    return read_pairs(data, count)


HELD_OUT_PAIRS = Protocol(
    "pairs",
    _make_cases,
    baselines=("identity", "centers"),
    options={"progress": False},
    save=save_registration,
    refines=True,
)
