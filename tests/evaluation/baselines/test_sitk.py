import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from kregzoo.evaluation import baselines
from kregzoo.evaluation.baselines import sitk as by_sitk

NAMES = [method.name for method in baselines(["sitk"])]


@pytest.mark.parametrize("name", NAMES)
def test_a_method_finds_the_transform_that_it_writes(name, assert_finds):
    assert_finds(name)


def test_centers_of_mass_or_of_grids_are_aligned():
    rng = np.random.default_rng(0)
    images = [sitk.GetImageFromArray(rng.uniform(size=(6, 7, 8))) for _ in range(2)]
    fixed, moving = images
    moving.SetOrigin((10.0, -5.0, 3.0))
    middle = [(size - 1) / 2 for size in fixed.GetSize()]
    moved = by_sitk.centered(fixed, moving, "GEOMETRY").TransformPoint(middle)
    np.testing.assert_allclose(np.subtract(moved, middle), (10.0, -5.0, 3.0))

    def mass(image):
        # The array's axes are z, y, x.
        center = ndimage.center_of_mass(sitk.GetArrayFromImage(image))
        return np.add(center[::-1], image.GetOrigin())

    moved = by_sitk.centered(fixed, moving, "MOMENTS").TransformPoint(mass(fixed))
    np.testing.assert_allclose(moved, mass(moving))


def test_an_affine_about_the_center_is_the_same_map():
    rng = np.random.default_rng(0)
    affine = sitk.AffineTransform(3)
    affine.SetMatrix((np.eye(3) + rng.normal(0, 0.1, (3, 3))).ravel())
    affine.SetTranslation((4.0, -3.0, 2.0))
    fixed = sitk.Image((11, 12, 13), sitk.sitkFloat32)
    fixed.SetSpacing((2.0, 3.0, 4.0))
    found = by_sitk._about_center(affine, fixed)
    np.testing.assert_allclose(found.GetCenter(), (10.0, 16.5, 24.0))
    for point in rng.uniform(-50, 50, (5, 3)):
        expected = affine.TransformPoint(point)
        np.testing.assert_allclose(found.TransformPoint(point), expected, atol=1e-9)
