"""Pairs that a rigid motion, drawn at random, has taken apart.

The motion stands in the header of the moving file, whose voxels stay as they are: where
the worlds of both files coincide is the start, the same for every method.
"""

import itertools
import pathlib

import numpy as np

from kregzoo.evaluation.pairs import stem
from kregzoo.evaluation.synthetic_pairs import GroundTruthPair
from kregzoo.registrars.alignment import align_labels
from kregzoo.registrars.canonical_pair import default_preprocessor
from kregzoo.simulation.body_surfaces import surface
from kregzoo.simulation.cone_beam import cone_beam
from kregzoo.spatial import AffineTransform, Grid, Image, LabelMap
from kregzoo.spatial.preprocessing import foreground_box
from kregzoo.training import Pose, read_dataset

# Uniformly within plus and minus these degrees and mm.
NEAR = Pose(rotation=20.0, shift=20.0, uniform=True)
FAR = Pose(rotation=30.0, shift=30.0, uniform=True)
# Pairs that are made if it is not said how many.
POSES = 36


def pose_pairs(data, folder, count=None, seed=0):
    """Displace the moving images of `eval` pairs from where their labels align them.

    The error is measured over the first structure.

    Args:
        data: folder with a `dataset.json`, see `kregzoo.training.pairs`.
        folder: folder to write the moving images to.
        count: int. Pairs to make; None for 36.
        seed: int. Seed of the motions.

    Returns:
        List of `GroundTruthPair`.

    Raises:
        ValueError: when the data have no `eval` pairs with labels.
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
    for number, (record, (to_fixed, centre)) in enumerate(
        itertools.islice(sources, count or POSES)
    ):
        moving = Image.read(record["moving"])
        moving = Image(moving.array, _moved(moving.grid, to_fixed))
        name = f"{number:03d} {stem(record['moving'])} to {stem(record['fixed'])}"
        drawn = NEAR.draw(rng, centre)
        pairs.append(
            _displaced(
                name, moving, record["fixed"], drawn, folder, record["fixed_label"]
            )
        )
    return pairs


def cone_beam_pairs(data, folder, count=None, seed=0, ranges=NEAR):
    """Displace CT volumes of `eval_images` from simulated cone-beam CT of themselves.

    Args:
        data: likewise.
        folder: folder to write both images to.
        count: int. Pairs to make; None for 36.
        seed: int. Seed of the motions and of the simulation.
        ranges: the `Pose` to draw from.

    Returns:
        List of `GroundTruthPair`.

    Raises:
        ValueError: when the data have no `eval_images`.
    """
    return _of_volumes(data, folder, count, seed, ranges, cone_beam_image)


def cone_beam_image(rng, image):
    """A simulated cone-beam CT of a normalised CT, as an `Image`."""
    return Image(cone_beam(rng, image.array), image.grid)


def far_cone_beam_pairs(data, folder, count=None, seed=0):
    """`cone_beam_pairs` up to 30 degrees and 30 mm apart."""
    return cone_beam_pairs(data, folder, count, seed, FAR)


def surface_pairs(data, folder, count=None, seed=0):
    """Displace CT volumes of `eval_images` from the surfaces of their own bodies.

    Args:
        data: likewise.
        folder: folder to write both images to.
        count: int. Pairs to make; None for 36.
        seed: int. Seed of the motions.

    Returns:
        List of `GroundTruthPair`.

    Raises:
        ValueError: when the data have no `eval_images`.
    """
    return _of_volumes(data, folder, count, seed, NEAR, surface)


def _of_volumes(data, folder, count, seed, ranges, make_fixed):
    records = read_dataset(data).get("eval_images")
    if not records:
        raise ValueError(f"The data must have `eval_images`. Received: {str(data)!r}")
    rng = np.random.default_rng(seed)
    pairs = []
    sources = itertools.islice(itertools.cycle(records), count or POSES)
    for number, record in enumerate(sources):
        volume = Image.read(record["image"])
        image = default_preprocessor(volume.grid.ndim).normalise(volume)
        name = f"{number:03d} {stem(record['image'])}"
        path = pathlib.Path(folder) / f"{number:03d}_fixed.nii.gz"
        make_fixed(rng, image).write(path)
        drawn = ranges.draw(rng, np.mean(foreground_box(image), axis=0))
        pairs.append(_displaced(name, volume, path, drawn, folder))
    return pairs


def _displaced(name, moving, fixed, matrix, folder, region=None):
    """A pair whose truth is a matrix, when without it the worlds coincide."""
    path = pathlib.Path(folder) / f"{name[:3]}_moving.nii.gz"
    Image(moving.array, _moved(moving.grid, matrix)).write(path)
    return GroundTruthPair(name, path, fixed, AffineTransform(matrix), region)


def _moved(grid, matrix):
    return Grid(grid.shape, matrix @ grid.affine)


def _aligned(record):
    """From the moving world to the fixed one, and where the first structure is."""
    moving, fixed = (LabelMap.read(record[f"{r}_label"]) for r in ("moving", "fixed"))
    first = min(moving.labels() & fixed.labels())
    index = np.argwhere(fixed.mask(first)).mean(axis=0)
    transform = align_labels(moving, fixed)
    return np.linalg.inv(transform.matrix), fixed.grid.voxel_to_world(index[None])[0]
