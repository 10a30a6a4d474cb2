"""Demonstration: registration of the MNI152 brain with a known ground truth.

The fixed image is the T1 template of nilearn. The moving image is the template under a
random rotation, a random smooth deformation, and a random change of intensities. Its
value at `y` is that of the fixed image at `S(y)`, where `S` is known. The transform `T`
of a registration should therefore map `S(y)` to `y`. The distance between `T(S(y))` and
`y` is the target registration error.
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
LARGEST, SMOOTHNESS = 12.0, 15.0  # mm: longest displacement; smoothing of the noise
GAMMA, BIAS = 0.3, 0.25  # largest log of the gamma exponent; largest log of the bias
COARSE = 4.0  # mm: voxel size of the random fields
LANDMARKS = 5000


@dataclasses.dataclass(frozen=True)
class DeformedBrain:
    """Pair of images with a known ground truth.

    Attributes:
        fixed: `Image`.
        moving: `Image`.
        fixed_tissues: label `Image` of `TISSUES` of the fixed image.
        moving_tissues: label `Image` of `TISSUES` of the moving image.
        fixed_points: landmarks `(N, 3)` of the fixed image in RAS mm.
        moving_points: the same landmarks in the moving image, `(N, 3)` in RAS mm.
    """

    fixed: Image
    moving: Image
    fixed_tissues: Image
    moving_tissues: Image
    fixed_points: np.ndarray
    moving_points: np.ndarray

    def judge(self, result):
        """Compare a `Registration` of the pair with the ground truth.

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
    """Register the pair, print the accuracy, and write the result.

    Args:
        output: folder for `warped.nii.gz`, `transform.h5` (ITK), `metrics.json` and
            `report.html`.
        model: str. Preset for skull-stripped 3-D brains.
        seed: int. Seed of the moving image.
        refine: int. Optimization steps after the network's prediction.

    Returns:
        The metrics of `DeformedBrain.judge`.

    Raises:
        ValueError: If the preset is unknown.
        ImportError: If nilearn is not installed.
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
    """Read the template and the tissue labels from the files of nilearn.

    Returns:
        The skull-stripped T1 `Image` at 1 mm, and the label `Image` of `TISSUES`.

    Raises:
        ImportError: If nilearn is not installed.
    """
    datasets = import_extra("nilearn.datasets", "The demonstration", "demo")
    template = datasets.load_mni152_template(resolution=1)
    image = Image.from_nibabel(template, name="MNI152")
    gray = np.asarray(datasets.load_mni152_gm_template(resolution=1).dataobj)
    white = np.asarray(datasets.load_mni152_wm_template(resolution=1).dataobj)
    tissues = np.select([white > 0.5, gray > 0.5], [2, 1]).astype("uint8")
    return image, Image(tissues, image.grid)


def known_pair(fixed, tissues, seed=0):
    """Make a moving image from a fixed image, with a known transform.

    Args:
        fixed: 3-D `Image`.
        tissues: label `Image` of `TISSUES` on the same grid.
        seed: int. Seed of the rotation, the deformation and the intensities.

    Returns:
        A `DeformedBrain`.

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
    return DeformedBrain(
        fixed=fixed,
        moving=change_intensities(moving, rng),
        fixed_tissues=tissues,
        moving_tissues=moving_tissues,
        fixed_points=truth.apply_points(places),
        moving_points=places,
    )


def draw_transform(grid, rng):
    """Draw a rotation about the center of a grid, followed by a smooth field."""
    from scipy.spatial.transform import Rotation

    angles = rng.uniform(-ROTATION, ROTATION, 3)
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    matrix[:3, 3] = grid.center - matrix[:3, :3] @ grid.center
    coarse = grid.resampled(COARSE)
    field = np.stack([_smooth_noise(coarse, rng).array for _ in range(3)], axis=-1)
    field *= LARGEST / COARSE / np.linalg.norm(field, axis=-1).max()
    return CompositeTransform(
        [AffineTransform(matrix), DisplacementTransform(field, coarse)]
    )


def change_intensities(image, rng):
    """Apply a random gamma curve and a random smooth bias to a nonnegative image."""
    bias = _smooth_noise(image.grid.resampled(COARSE), rng)
    bias = bias.resample(image.grid, fill="border").array
    gamma = np.exp(rng.uniform(-GAMMA, GAMMA))
    top = image.array.max()
    array = top * (image.array / top) ** gamma * np.exp(BIAS * bias)
    return Image(array, image.grid, name=f"deformed {image.name}")


def _smooth_noise(grid, rng):
    """Draw an `Image` of noise in [-1, 1] that is smooth over `SMOOTHNESS` mm."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.normal(size=grid.shape), SMOOTHNESS / grid.spacing)
    return Image(noise / np.abs(noise).max(), grid)


def _print(figures, metrics, paths):
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Registration of a known deformation")
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
