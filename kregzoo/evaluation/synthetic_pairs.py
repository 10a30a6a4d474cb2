"""Pairs that are made, so that the transform to find is known in every voxel."""

import dataclasses
import itertools
import pathlib

import numpy as np

from kregzoo.evaluation.baselines.iterative import iterative_bspline
from kregzoo.evaluation.pairs import region_points, rows_of, stem
from kregzoo.metrics.registry import measured_on
from kregzoo.spatial import AffineTransform, Grid, Image, LabelMap
from kregzoo.spatial.preprocessing import foreground_box
from kregzoo.spatial.transforms import Transform
from kregzoo.training import Pose, image_keys, read_dataset
from kregzoo.utils.progress import progress_bar

# Uniformly within plus and minus these: degrees, mm, and parts of 1.
RANGES = Pose(rotation=20.0, shift=20.0, scale=0.15, shear=0.1, uniform=True)
# Pairs that are made if it is not said how many.
AFFINES = 30
ROLES = ("moving", "fixed")


@dataclasses.dataclass(frozen=True)
class GroundTruthPair:
    """Two images of one person, and the transform between them.

    Args:
        name: what to call the pair.
        moving: path of the moving image.
        fixed: path of the fixed image.
        truth: the transform from fixed to moving world.
        region: path of the fixed image's label map, whose first structure the error is
            measured over; None for the voxels brighter than the mean.
    """

    name: str
    moving: pathlib.Path
    fixed: pathlib.Path
    truth: Transform
    region: pathlib.Path | None = None

    def measure(self, transform, inverse=None):
        """Measure how far a transform is from the truth.

        Args:
            transform: the world transform from fixed to moving.
            inverse: not measured here, where the truth is known.

        Returns:
            List of dicts of `label`, None, `metric` and `value`: the metrics that are
            measured on points, of voxels of the region.
        """
        if self.region is None:
            fixed = Image.read(self.fixed)
            mask = fixed.array > fixed.array.mean()
        else:
            fixed = LabelMap.read(self.region)
            mask = fixed.mask(min(fixed.labels()))
        points = region_points(mask, fixed.grid)
        mapped, true = (t.apply_points(points) for t in (transform, self.truth))
        return rows_of({m.name: m.compute(mapped, true) for m in measured_on("points")})


def affine_pairs(data, folder, count=None, seed=0):
    """Make pairs of held-out persons' images under random affines.

    Of a person with one image the moving image is that image under the affine; of one
    with several contrasts it is the first one, and the fixed image each other one in
    turn. Persons are those of the `eval` split, or, of data without, the last one of
    the `train` split, which no recipe trains on.

    Args:
        data: folder with a `dataset.json`, see `kregzoo.training.pairs`.
        folder: folder to write the moving images to.
        count: int. Pairs to make; None for 30.
        seed: int. Seed of the affines.

    Returns:
        List of `GroundTruthPair`.

    Raises:
        ValueError: when the data have neither `eval` pairs nor persons to train on.
    """
    rng = np.random.default_rng(seed)
    pairs = []
    sources = itertools.islice(itertools.cycle(_sources(data)), count or AFFINES)
    for number, (moving, fixed) in enumerate(sources):
        image = Image.read(moving)
        low, high = foreground_box(_in_unit_range(image))
        truth = AffineTransform(RANGES.draw(rng, (low + high) / 2))
        path = pathlib.Path(folder) / f"{number:03d}_{stem(moving)}.nii.gz"
        image.resample(_roomy(image, truth), truth.inverse()).write(path)
        name = f"{number:03d} {stem(moving)} to {stem(fixed)}"
        pairs.append(GroundTruthPair(name, path, fixed, truth))
    return pairs


def deformed_pairs(data, folder, count=None):
    """Make pairs of held-out images and the same images deformed.

    The deformation is the one that the iterative B-spline registration finds between
    the two images of an `eval` pair: as large and as smooth as those between persons,
    though this method, and others of B-splines, know its kind.

    Args:
        data: folder with a `dataset.json`, see `kregzoo.training.pairs`.
        folder: folder to write the fixed images to.
        count: int. Pairs to make; None for each `eval` pair in both directions.

    Returns:
        List of `GroundTruthPair`.

    Raises:
        ValueError: when the data have no `eval` pair.
    """
    records = read_dataset(data).get("eval")
    if not records:
        raise ValueError(f"The data must have `eval` pairs. Received: {str(data)!r}")
    sources = [(r[a], r[b]) for r in records for a, b in (ROLES, ROLES[::-1])][:count]
    pairs = []
    with progress_bar(len(sources), label="Finding deformations") as advance:
        for number, (moving, other) in enumerate(sources):
            image, target = Image.read(moving), Image.read(other)
            truth = iterative_bspline(image, target)
            path = pathlib.Path(folder) / f"{number:03d}_{stem(other)}.nii.gz"
            truth.apply(image, target.grid).write(path)
            name = f"{number:03d} {stem(moving)} to {stem(other)}"
            pairs.append(GroundTruthPair(name, moving, path, truth))
            advance()
    return pairs


def _sources(data):
    """Paths of the image to move and of the one that stays."""
    dataset = read_dataset(data)
    if dataset.get("eval"):
        paths = {record[k] for record in dataset["eval"] for k in ROLES}
        return [(path, path) for path in sorted(paths)]
    record = (dataset.get("train") or [{}])[-1]
    first, *others = image_keys(record)
    if first not in record:
        raise ValueError(
            "The data must have `eval` pairs, or persons in `train`. "
            f"Received: {str(data)!r}"
        )
    return [(record[first], record[key]) for key in others or [first]]


def _roomy(image, truth):
    """A grid of the image's voxels that holds all of it when it has moved."""
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
