import numpy as np
import pytest
import SimpleITK as sitk

from kregzoo.spatial import Grid, itk


@pytest.mark.parametrize("ndim", [2, 3])
def test_image_and_back(random_image, ndim):
    image = random_image(0, ndim)
    array, affine = itk.from_image(itk.to_image(image.array, image.grid))
    np.testing.assert_array_equal(array, image.array)
    assert Grid(array.shape, affine) == image.grid


def test_a_picture_reads_as_rows_and_columns():
    image = sitk.GetImageFromArray(np.arange(6).reshape(2, 3))
    image.SetSpacing((0.5, 2.0))
    image.SetOrigin((10.0, 20.0))
    array, affine = itk.from_image(image)
    assert array[1, 2] == image[2, 1]
    x, y = image.TransformIndexToPhysicalPoint((2, 1))
    np.testing.assert_allclose(affine @ [1, 2, 1], [-x, -y, 1])


def test_field_is_in_lps_millimeters():
    grid = Grid.centered((4, 5, 6), (1.0, 2.0, 3.0))
    step = np.zeros((4, 5, 6, 3))
    step[1, 2, 3] = (1, 1, 1)
    field = itk.to_field(step, grid)
    assert field[1, 2, 3] == (-1.0, -2.0, 3.0)
    assert field[3, 2, 1] == (0.0, 0.0, 0.0)
    vectors, affine = itk.from_field(field)
    np.testing.assert_allclose(vectors[1, 2, 3], (1, 2, 3))
    np.testing.assert_allclose(affine, grid.affine)


def test_composite_order():
    shift = sitk.TranslationTransform(2, (1.0, 0.0))
    scale = sitk.ScaleTransform(2, (2.0, 2.0))
    composite = itk.to_composite([shift, scale])
    assert composite.TransformPoint((1.0, 1.0)) == (4.0, 2.0)
    assert [part.Downcast().GetName() for part in itk.parts(composite)] == [
        "TranslationTransform",
        "ScaleTransform",
    ]
