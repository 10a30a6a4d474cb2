"""Slices of volumes: their affines, their pixels, and files of them."""

import nibabel as nib
import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from kregzoo.spatial import Image

TURN = Rotation.from_euler("xyz", [20, -10, 30], degrees=True).as_matrix()
AXES = {"axial": [0, 1, 2], "coronal": [0, 2, 1], "sagittal": [1, 2, 0]}


def affine_of(
    view, axis, oblique=False, origin=(70.0, -60.0, 37.0), spacing=(1.5, 1.2)
):
    """Affine of a volume of one slice along `axis`, with flips, 8 mm thick."""
    columns = np.eye(3)[:, AXES[view]] * [-spacing[0], spacing[1], 8.0]
    columns = TURN @ columns if oblique else columns
    affine = np.eye(4)
    affine[:3, :3] = np.insert(columns[:, :2], axis, columns[:, 2], axis=1)
    affine[:3, 3] = origin
    return affine


def texture(seed=0, shape=(24, 20)):
    noise = np.random.default_rng(seed).normal(size=shape)
    return ndimage.gaussian_filter(noise, 1.5).astype("float32")


def saved(path, pixels, affine, axis):
    nib.Nifti1Image(np.expand_dims(pixels, axis), affine).to_filename(path)
    return Image.read(path)
