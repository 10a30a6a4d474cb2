"""Held-out subjects under random affines."""

import itertools
import pathlib

import numpy as np

from kregzoo.protocols.pair_cases import GroundTruthPair, save_registration
from kregzoo.protocols.protocol import Protocol
from kregzoo.protocols.subjects import stem, subjects_of
from kregzoo.spatial import AffineTransform, Grid, Image
from kregzoo.spatial.preprocessing import foreground_box
from kregzoo.training import Pose, image_keys, read_dataset

# Uniform between plus and minus these values: degrees, mm, and fractions.
RANGES = Pose(rotation=20.0, shift=20.0, scale=0.15, shear=0.1, uniform=True)
# Default number of pairs.
AFFINES = 30
ROLES = ("moving", "fixed")


def affine_pairs(data, folder, count=None, seed=0):
    """Make pairs of held-out images under random affines.

    The moving image is the fixed image under the affine. If a subject has several
    contrasts, the moving image is the first one, and each other contrast is the fixed
    image in turn. The subjects are those of the `eval` split. Without this split, it is
    the last subject of the `train` split, which no recipe trains on.

    Args:
        data: folder with a `dataset.json`, see `kregzoo.training.read_dataset`.
        folder: folder to write the moving images to.
        count: int. Number of pairs. Defaults to 30.
        seed: int. Seed of the affines.

    Returns:
        List of `GroundTruthPair`.

    Raises:
        ValueError: If the data have neither `eval` pairs nor subjects to train on.
    """
    rng = np.random.default_rng(seed)
    pairs = []
    sources = itertools.islice(itertools.cycle(_sources(data)), count or AFFINES)
    for number, (record, moving, fixed) in enumerate(sources):
        image = Image.read(moving)
        low, high = foreground_box(_in_unit_range(image))
        truth = AffineTransform(RANGES.draw(rng, (low + high) / 2))
        path = pathlib.Path(folder) / f"{number:03d}_{stem(moving)}.nii.gz"
        image.resample(_roomy(image, truth), truth.inverse()).write(path)
        name = f"{number:03d} {stem(moving)} to {stem(fixed)}"
        subjects = subjects_of(record, moving)
        pairs.append(GroundTruthPair(name, path, fixed, truth, **subjects))
    return pairs


def _sources(data):
    """List the record and the paths of the image to move and of the fixed image."""
    dataset = read_dataset(data)
    if dataset.get("eval"):
        records = {record[k]: record for record in dataset["eval"] for k in ROLES}
        return [(records[path], path, path) for path in sorted(records)]
    record = (dataset.get("train") or [{}])[-1]
    first, *others = image_keys(record)
    if first not in record:
        raise ValueError(
            "The data must have `eval` pairs, or subjects in `train`. "
            f"Received: {str(data)!r}"
        )
    return [(record, record[first], record[key]) for key in others or [first]]


def _roomy(image, truth):
    """Extend the image's grid to hold all of the moved image."""
    grid = image.grid
    corners = np.array(list(itertools.product(*((0, n - 1) for n in grid.shape))))
    moved = truth.apply_points(grid.voxel_to_world(corners))
    voxels = grid.world_to_voxel(moved)
    low = np.floor(np.minimum(voxels.min(axis=0), 0)).astype(int)
    high = np.ceil(np.maximum(voxels.max(axis=0), np.array(grid.shape) - 1)).astype(int)
    affine = grid.affine.copy()
    affine[:-1, -1] = grid.voxel_to_world(low[None])[0]
    return Grid(tuple(int(n) for n in high - low + 1), affine)


def _in_unit_range(image):
    array = image.array.astype("float32")
    return Image((array - array.min()) / np.ptp(array), image.grid)


KNOWN_AFFINES = Protocol(
    "affines",
    affine_pairs,
    "held-out subjects under random affines (ground truth known)",
    baselines=(
        "identity",
        "centers",
        "iterative-affine",
        "sitk-affine from centers of mass",
        "sitk-affine from {preset}",
    ),
    options={"progress": False},
    save=save_registration,
    success=2.0,
)
