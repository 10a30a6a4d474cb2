"""Iterative closest points between the surfaces of two bodies."""

import numpy as np

from kregzoo.protocols.pair_cases import write_answer
from kregzoo.registrars.canonical_pair import default_preprocessor
from kregzoo.simulation.body_surfaces import body
from kregzoo.spatial import AffineTransform, Image, Preprocessor

# Points of the fixed surface, and the maximum number of iterations.
POINTS, ROUNDS = 5000, 100


def run(moving, fixed, folder):
    """Run Besl and McKay's algorithm (PAMI 14, 1992) from where the worlds coincide."""
    from scipy.spatial import KDTree
    from scipy.spatial.transform import Rotation

    moving, fixed = Image.read(moving), Image.read(fixed)
    tree, points = KDTree(_skin(moving)), _seen(fixed)
    points = points[:: max(1, len(points) // POINTS)]
    matrix = np.eye(4)
    for _ in range(ROUNDS):
        moved = points @ matrix[:3, :3].T + matrix[:3, 3]
        nearest = tree.data[tree.query(moved)[1]]
        centers = points.mean(axis=0), nearest.mean(axis=0)
        turn, _ = Rotation.align_vectors(nearest - centers[1], points - centers[0])
        before, matrix = matrix, np.eye(4)
        matrix[:3, :3] = turn.as_matrix()
        matrix[:3, 3] = centers[1] - matrix[:3, :3] @ centers[0]
        if np.abs(matrix - before).max() < 1e-5:
            break
    transform = AffineTransform(matrix)
    return write_answer(transform, moving, fixed, folder)


def _skin(image):
    """Return positions `(N, 3)` of the voxels at the surface of the body in a CT."""
    from scipy import ndimage

    inside = body(default_preprocessor(3).normalize(image))
    index = np.argwhere(inside & ~ndimage.binary_erosion(inside, border_value=1))
    return image.grid.voxel_to_world(index)


def _seen(surface):
    """Return positions `(N, 3)` on a surface that are visible to a camera in front."""
    frame = Preprocessor(surface.grid.spacing.min(), ((1, 1, 1),), divisor=1)
    grid = frame.canonical_grid(surface)
    inside = surface.resample(grid).array > 0.5
    depth = inside[:, ::-1].argmax(axis=1)
    # The border of the image, which cuts the body, is not skin.
    x, z = np.nonzero(inside.any(axis=1) & (depth > 0))
    index = np.stack([x, inside.shape[1] - 1 - depth[x, z], z], axis=-1)
    return grid.voxel_to_world(index)
