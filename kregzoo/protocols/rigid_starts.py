"""Pairs displaced by random rigid transforms from the alignment of their labels.

The displacement is stored in the header of the moving file. The voxels are unchanged.
All methods start from the world coordinates of both files.
"""

import itertools
import pathlib

import numpy as np

from kregzoo.protocols.pair_cases import GroundTruthPair, save_registration
from kregzoo.protocols.protocol import Protocol
from kregzoo.protocols.subjects import stem, subjects_of
from kregzoo.registrars.alignment import align_labels
from kregzoo.spatial import AffineTransform, Grid, Image, LabelMap
from kregzoo.training import Pose, read_dataset

# Uniform between plus and minus these degrees and mm.
NEAR = Pose(rotation=20.0, shift=20.0, uniform=True)
# Default number of pairs.
POSES = 36
# Every method starts from the world coordinates of both files.
FROM_WORLDS = {"progress": False, "initial": AffineTransform(np.eye(4))}


def rigid_pairs(data, folder, count=None, seed=0):
    """Displace the moving images of `eval` pairs from the alignment of the labels.

    The error is measured over the first structure.

    Args:
        data: folder with a `dataset.json`, see `kregzoo.training.read_dataset`.
        folder: folder to write the moving images to.
        count: int. Number of pairs. Defaults to 36.
        seed: int. Seed of the displacements.

    Returns:
        List of `GroundTruthPair`.

    Raises:
        ValueError: If the data have no `eval` pairs with labels.
    """
    records = read_dataset(data).get("eval") or [{}]
    if "fixed_label" not in records[0]:
        raise ValueError(
            f"The data must have `eval` pairs with labels. Received: {str(data)!r}"
        )
    aligned = [_aligned(record) for record in records[:count]]
    rng = np.random.default_rng(seed)
    pairs = []
    sources = zip(itertools.cycle(records[:count]), itertools.cycle(aligned))
    for number, (record, (to_fixed, center)) in enumerate(
        itertools.islice(sources, count or POSES)
    ):
        moving = Image.read(record["moving"])
        moving = Image(moving.array, _moved(moving.grid, to_fixed))
        name = f"{number:03d} {stem(record['moving'])} to {stem(record['fixed'])}"
        pairs.append(
            displaced(
                name,
                moving,
                record["fixed"],
                NEAR.draw(rng, center),
                folder,
                region=record["fixed_label"],
                **subjects_of(record, record["moving"], record["fixed"]),
            )
        )
    return pairs


def displaced(name, moving, fixed, matrix, folder, **about):
    """Displace a moving image that is aligned with a fixed image.

    Args:
        name: str. Name of the pair, which begins with a number of three digits.
        moving: `Image`.
        fixed: path of the fixed image.
        matrix: the displacement, in world mm.
        folder: folder to write the moving image to.
        **about: region, persons and group, see `GroundTruthPair`.

    Returns:
        A `GroundTruthPair`.
    """
    path = pathlib.Path(folder) / f"{name[:3]}_moving.nii.gz"
    Image(moving.array, _moved(moving.grid, matrix)).write(path)
    return GroundTruthPair(name, path, fixed, AffineTransform(matrix), **about)


def _moved(grid, matrix):
    return Grid(grid.shape, matrix @ grid.affine)


def _aligned(record):
    """Return the matrix from moving to fixed world, and the structure's center."""
    moving, fixed = (LabelMap.read(record[f"{r}_label"]) for r in ("moving", "fixed"))
    first = min(moving.labels() & fixed.labels())
    transform = align_labels(moving, fixed)
    return np.linalg.inv(transform.matrix), fixed.centroid(first)[0]


RIGID_STARTS = Protocol(
    "poses",
    rigid_pairs,
    "displaced by up to 20 degrees about and 20 mm along each axis from the alignment "
    "of the labels (ground truth known)",
    baselines=(
        "identity",
        "centers",
        "sitk-rigid",
        "iterative-rigid-mind",
        "mi by the search of {preset}",
        "mind by the search of {preset}",
    ),
    options=FROM_WORLDS,
    save=save_registration,
    success=5.0,
)
