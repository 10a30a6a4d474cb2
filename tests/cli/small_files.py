"""What the tests of commands share: a network that shifts, and its transform."""

import numpy as np
import SimpleITK as sitk

from kregzoo.registrars.registration import Registration
from kregzoo.spatial import AffineTransform

SHIFT = np.array([[1.0, 0, 0, 4], [0, 1, 0, -2], [0, 0, 1, 0], [0, 0, 0, 1]])


class Shifting:
    """Stands for a network: moves every image by the same millimeters."""

    def register(self, moving, fixed, passes, refine):
        return Registration(moving, fixed, AffineTransform(SHIFT), {"total": refine})


def contents(folder):
    """Names of all that lies in a folder."""
    return {path.name for path in folder.rglob("*")}


def resampled_by_simpleitk(image, interpolator):
    """SimpleITK's image of a file, shifted on the grid of the fixed one."""
    transform = sitk.ReadTransform("shift.tfm")
    moving, fixed = (sitk.ReadImage(name) for name in (image, "fixed.nii.gz"))
    return sitk.GetArrayFromImage(sitk.Resample(moving, fixed, transform, interpolator))
