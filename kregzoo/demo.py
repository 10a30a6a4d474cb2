"""One registration whose answer is known, on the brain that nilearn carries.

The fixed image is the MNI152 T1 template. The moving one is made of it: turned about
its centre, deformed smoothly, and changed in intensity, all drawn from a seed. Its
voxel at `y` shows what the fixed image has at `S(y)`, with `S` known at every point,
so a registration's transform `T` must take `S(y)` back to `y`: how far it misses, in
mm, is the target registration error.
"""

import dataclasses

import numpy as np

from kregzoo import zoo
from kregzoo.metrics import dice, tre
from kregzoo.spatial import (
    AffineTransform,
    CompositeTransform,
    DisplacementTransform,
    Image,
)
from kregzoo.utils.extras import import_extra

TISSUES = {1: "grey_matter", 2: "white_matter"}
ROTATION = 8.0  # degrees about each axis, at most
LARGEST, SMOOTHNESS = 12.0, 15.0  # mm: longest displacement; scale of its changes
GAMMA, BIAS = 0.3, 0.25  # largest change of the exponent, and of the log-intensity
COARSE = 4.0  # mm between voxels of the random fields, far below their smoothness
LANDMARKS = 5000


@dataclasses.dataclass(frozen=True)
class GroundTruthPair:
    """A pair of images and the truth about them.

    Attributes:
        fixed: `Image`.
        moving: `Image`.
        fixed_tissues: Label `Image` of `TISSUES`.
        moving_tissues: The same of the moving image.
        fixed_points: Landmarks `(N, 3)` in RAS mm of the fixed image.
        moving_points: Their true places in the moving image, `(N, 3)` in RAS mm.
    """

    fixed: Image
    moving: Image
    fixed_tissues: Image
    moving_tissues: Image
    fixed_points: np.ndarray
    moving_points: np.ndarray

    def judge(self, result):
        """Compares a `Registration` of the pair with the truth.

        Returns:
            Dict of pairs `(before, after)`: the Dice overlaps `"dice_grey_matter"` and
            `"dice_white_matter"`, and the mean target registration error `"tre_mm"`.
        """
        fixed = self.fixed_tissues.array
        warped = result.apply(self.moving_tissues, "nearest").array
        before = dice(fixed, self.moving_tissues.array, TISSUES)
        after = dice(fixed, warped, TISSUES)
        figures = {f"dice_{name}": (before[i], after[i]) for i, name in TISSUES.items()}
        found = result.apply_points(self.fixed_points)
        figures["tre_mm"] = tuple(
            float(tre(points, self.moving_points).mean())
            for points in (self.fixed_points, found)
        )
        return figures


def run(output, model="voxelmorph_brain_t1", seed=0, refine=0):
    """Registers the known pair, prints how well, and writes the result.

    Args:
        output: Folder for `warped.nii.gz`, `transform.h5` (ITK), `metrics.json` and
            `report.html`.
        model: Preset for 3-D brains without their skull.
        seed: What the moving image is drawn from.
        refine: Steps of optimisation after the network's answer.

    Returns:
        The figures of `GroundTruthPair.judge`.

    Raises:
        ValueError: There is no such preset.
        ImportError: nilearn is not installed.
    """
    registrar = zoo.load(model)
    pair = known_pair(*read_anatomy(), seed)
    result = registrar.register(pair.moving, pair.fixed, refine=refine)
    figures = pair.judge(result)
    for name, (before, after) in figures.items():
        result.metrics[f"{name}_before"], result.metrics[name] = before, after
    paths = result.save(output)
    _print(figures, result.metrics, paths)
    return figures


def read_anatomy():
    """Reads the template and its tissues from nilearn's own files.

    Returns:
        The T1 `Image` without skull, 1 mm, and the label `Image` of `TISSUES`.

    Raises:
        ImportError: nilearn is not installed.
    """
    datasets = import_extra("nilearn.datasets", "The demonstration", "demo")
    template = datasets.load_mni152_template(resolution=1)
    image = Image.from_nibabel(template, name="MNI152")
    grey = np.asarray(datasets.load_mni152_gm_template(resolution=1).dataobj)
    white = np.asarray(datasets.load_mni152_wm_template(resolution=1).dataobj)
    tissues = np.select([white > 0.5, grey > 0.5], [2, 1]).astype("uint8")
    return image, Image(tissues, image.grid)


def known_pair(fixed, tissues, seed=0):
    """Makes a moving image of a fixed one, with the truth between them.

    Args:
        fixed: 3-D `Image`.
        tissues: Label `Image` of `TISSUES` on the same grid.
        seed: What rotation, deformation and intensities are drawn from.

    Returns:
        A `GroundTruthPair`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> tissues = Image.from_array(rng.integers(0, 3, (24, 24, 24), "uint8"))
        >>> pair = known_pair(tissues, tissues)
        >>> pair.fixed_points.shape == pair.moving_points.shape
        True
    """
    rng = np.random.default_rng(seed)
    truth = draw_transform(fixed.grid, rng)
    moving = truth.apply(fixed, fixed.grid, "linear")
    moving_tissues = truth.apply(tissues, fixed.grid, interpolation="nearest")
    voxels = np.argwhere(moving_tissues.array)
    voxels = voxels[rng.integers(0, len(voxels), LANDMARKS)]
    places = fixed.grid.voxel_to_world(voxels)
    return GroundTruthPair(
        fixed=fixed,
        moving=change_intensities(moving, rng),
        fixed_tissues=tissues,
        moving_tissues=moving_tissues,
        fixed_points=truth.apply_points(places),
        moving_points=places,
    )


def draw_transform(grid, rng):
    """Draws a rotation about the centre of a grid, followed by a smooth field."""
    from scipy.spatial.transform import Rotation

    angles = rng.uniform(-ROTATION, ROTATION, 3)
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    matrix[:3, 3] = grid.centre - matrix[:3, :3] @ grid.centre
    coarse = grid.resampled(COARSE)
    field = np.stack([_smooth_noise(coarse, rng).array for _ in range(3)], axis=-1)
    field *= LARGEST / COARSE / np.linalg.norm(field, axis=-1).max()
    return CompositeTransform(
        [AffineTransform(matrix), DisplacementTransform(field, coarse)]
    )


def change_intensities(image, rng):
    """Draws a gamma curve and a smooth bias, and applies them to an image from 0 up."""
    bias = _smooth_noise(image.grid.resampled(COARSE), rng)
    bias = bias.resample(image.grid, fill="border").array
    gamma = np.exp(rng.uniform(-GAMMA, GAMMA))
    top = image.array.max()
    array = top * (image.array / top) ** gamma * np.exp(BIAS * bias)
    return Image(array, image.grid, name=f"deformed {image.name}")


def _smooth_noise(grid, rng):
    """Random `Image` in [-1, 1] that changes over `SMOOTHNESS` mm."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.normal(size=grid.shape), SMOOTHNESS / grid.spacing)
    return Image(noise / np.abs(noise).max(), grid)


def _print(figures, metrics, paths):
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Registered against a known deformation")
    table.add_column("")
    table.add_column("before", justify="right")
    table.add_column("after", justify="right", style="bold")
    for name, values in figures.items():
        digits = 2 if name == "tre_mm" else 3
        table.add_row(name.replace("_", " "), *(f"{v:.{digits}f}" for v in values))
    table.add_row("folded percent", "", f"{metrics['folded_percent']:.4f}")
    table.add_row("seconds", "", f"{metrics['seconds']['total']:.1f}")
    console = Console()
    console.print(table)
    for path in paths:
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)
