"""Ways to find a rigid motion, all from where the worlds of both files coincide."""

import functools

import numpy as np

from kregzoo import zoo
from kregzoo.evaluation.baselines.method import make_method, written
from kregzoo.evaluation.baselines.presets import preset_methods
from kregzoo.evaluation.baselines.sitk import optimize_mutual_information
from kregzoo.losses import MI, MINDSSC
from kregzoo.registrars import IterativeRegistrar, LearnedMetricRegistrar, Rigid
from kregzoo.registrars.canonical_pair import default_preprocessor
from kregzoo.registrars.optimizers import SciPy
from kregzoo.simulation.body_surfaces import body
from kregzoo.spatial import AffineTransform, Image, Preprocessor

LEVELS = ((4, 60), (2, 60), (1, 40))
SIMILARITIES = {"mi": MI, "mind": MINDSSC}
# Of iterative closest points: of the fixed surface, and rounds at most.
POINTS, ROUNDS = 5000, 100


def pose_methods(presets):
    """Presets, and what the survey compares them with on images.

    Args:
        presets: list of names or folders of presets.

    Returns:
        List of `Method`: mutual information, the iterative engine by MIND-SSC, every
        preset, and for one with a learned metric its search by both similarities.
    """
    mind = functools.partial(make_method, "kregzoo", _run_rigid)
    methods = [_mutual_information(), mind("iterative-rigid-mind")]
    for name in presets:
        methods += preset_methods(name, 0, initial=_worlds(3))
        registrar = zoo.load(name)
        if isinstance(registrar, LearnedMetricRegistrar):
            search = functools.partial(
                make_method, "kregzoo", _run_search, frame=registrar.preprocessor
            )
            methods += [
                search(
                    f"{similarity} by the search of {methods[-1].name}", by=similarity
                )
                for similarity in SIMILARITIES
            ]
    return methods


def cone_beam_methods(presets):
    """Mutual information, and presets."""
    return [_mutual_information(), *_presets(presets)]


def surface_methods(presets):
    """Iterative closest points, and presets."""
    icp = make_method("scipy", _run_closest_points, "closest-points")
    return [icp, *_presets(presets)]


def _presets(names):
    return [m for name in names for m in preset_methods(name, 0, initial=_worlds(3))]


def _mutual_information():
    return make_method("SimpleITK", _run_sitk, "sitk-rigid")


def _worlds(ndim):
    return AffineTransform(np.eye(ndim + 1))


def _run_sitk(moving, fixed, folder):
    import SimpleITK as sitk

    moving, fixed = (sitk.ReadImage(str(p), sitk.sitkFloat32) for p in (moving, fixed))
    middle = [(size - 1) / 2 for size in fixed.GetSize()]
    transform = sitk.Euler3DTransform()
    transform.SetCenter(fixed.TransformContinuousIndexToPhysicalPoint(middle))
    optimize_mutual_information(fixed, moving, transform)
    sitk.WriteTransform(transform, str(folder / "rigid.tfm"))
    warped = sitk.Resample(moving, fixed, transform)
    sitk.WriteImage(warped, str(folder / "warped.nii.gz"))
    return [folder / "rigid.tfm"]


def _run_rigid(moving, fixed, folder):
    found = _rigid_registrar().register(
        moving, fixed, initial=_worlds(3), progress=False
    )
    return written(found.warped, found.transform, folder)


@functools.lru_cache
def _rigid_registrar():
    return IterativeRegistrar(
        MINDSSC(),
        Rigid(),
        SciPy("L-BFGS-B"),
        LEVELS,
        preprocessor=default_preprocessor(3),
    )


def _run_search(moving, fixed, folder, by, frame):
    registrar = LearnedMetricRegistrar(SIMILARITIES[by](), frame)
    found = registrar.register(moving, fixed, initial=_worlds(3), progress=False)
    return written(found.warped, found.transform, folder)


def _run_closest_points(moving, fixed, folder):
    """Besl and McKay's algorithm (PAMI 14, 1992), on the skins of both bodies."""
    from scipy.spatial import KDTree
    from scipy.spatial.transform import Rotation

    moving, fixed = Image.read(moving), Image.read(fixed)
    tree, points = KDTree(_skin(moving)), _seen(fixed)
    points = points[:: max(1, len(points) // POINTS)]
    matrix = np.eye(4)
    for _ in range(ROUNDS):
        moved = points @ matrix[:3, :3].T + matrix[:3, 3]
        nearest = tree.data[tree.query(moved)[1]]
        centres = points.mean(axis=0), nearest.mean(axis=0)
        turn, _ = Rotation.align_vectors(nearest - centres[1], points - centres[0])
        before, matrix = matrix, np.eye(4)
        matrix[:3, :3] = turn.as_matrix()
        matrix[:3, 3] = centres[1] - matrix[:3, :3] @ centres[0]
        if np.abs(matrix - before).max() < 1e-5:
            break
    transform = AffineTransform(matrix)
    return written(transform.apply(moving, fixed.grid), transform, folder)


def _skin(image):
    """Positions `(N, 3)` of the voxels at the surface of a CT's body."""
    from scipy import ndimage

    inside = body(default_preprocessor(3).normalise(image))
    index = np.argwhere(inside & ~ndimage.binary_erosion(inside, border_value=1))
    return image.grid.voxel_to_world(index)


def _seen(surface):
    """Positions `(N, 3)` on a surface that a camera in front sees."""
    frame = Preprocessor(surface.grid.spacing.min(), ((1, 1, 1),), divisor=1)
    grid = frame.canonical_grid(surface)
    inside = surface.resample(grid).array > 0.5
    depth = inside[:, ::-1].argmax(axis=1)
    # What the image's border cuts is no skin.
    x, z = np.nonzero(inside.any(axis=1) & (depth > 0))
    index = np.stack([x, inside.shape[1] - 1 - depth[x, z], z], axis=-1)
    return grid.voxel_to_world(index)
