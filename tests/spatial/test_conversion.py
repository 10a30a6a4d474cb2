"""Images of other libraries, or objects with the same interface."""

import sys
import types

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from kregzoo.spatial import Image, as_aligned_image, as_image, as_labels, itk
from kregzoo.spatial.conversion import knows_geometry

FLIP = {2: np.diag([-1, -1]), 3: np.diag([-1, -1, 1])}


class AnItkImage:
    """Has the interface of `itk.Image`."""

    def __init__(self, image):
        self.image = image
        self.GetSpacing, self.GetOrigin = image.GetSpacing, image.GetOrigin

    def GetDirection(self):
        ndim = self.image.GetDimension()
        return np.reshape(self.image.GetDirection(), (ndim, ndim))

    def __array__(self, dtype=None, copy=None):
        return sitk.GetArrayFromImage(self.image)


class AnAntsImage:
    """Has the interface of `ants.ANTsImage`, whose arrays start with x."""

    channels_first = False

    def __init__(self, image):
        ndim = image.GetDimension()
        self.array = np.moveaxis(
            sitk.GetArrayFromImage(image), range(ndim), range(ndim)[::-1]
        )
        self.spacing, self.origin = image.GetSpacing(), image.GetOrigin()
        self.direction = np.reshape(image.GetDirection(), (ndim, ndim))
        self.has_components = image.GetNumberOfComponentsPerPixel() > 1

    def numpy(self):
        if self.has_components and self.channels_first:
            return np.moveaxis(self.array, -1, 0)
        return self.array


class ATensor:
    """Has the interface of `monai.data.MetaTensor`."""

    def __init__(self, array, affine=None, **meta):
        self.array, self.affine, self.meta = array, affine, meta

    def __array__(self, dtype=None, copy=None):
        raise TypeError("the tensor needs a gradient and lies on an accelerator")

    def detach(self):
        return self

    def cpu(self):
        return self.array


@pytest.fixture(params=[2, 3])
def image(request, random_image):
    """Make an oblique image."""
    return random_image(3, request.param)


def in_simpleitk(image):
    return itk.to_image(image.array, image.grid)


def world(image, value):
    """Return the position of the only voxel with a value."""
    return image.grid.voxel_to_world(np.argwhere(image.array == value)[0])


def assert_same(found, image):
    """Compare voxels by position, because the order of the axes may differ."""
    assert sorted(found.grid.shape) == sorted(image.grid.shape)
    for value in image.array.flat[:: image.array.size // 7]:
        np.testing.assert_allclose(
            world(found, value), world(image, value), rtol=0, atol=1e-4
        )


def test_simpleitk(image):
    assert_same(as_image(in_simpleitk(image)), image)


def test_itk(image, monkeypatch):
    package = types.SimpleNamespace(array_from_image=np.asarray)
    monkeypatch.setitem(sys.modules, "itk", package)
    assert_same(as_image(AnItkImage(in_simpleitk(image))), image)


def test_the_package_itk(tmp_path, random_image):
    package = pytest.importorskip("itk")
    image = random_image(3, 3)
    image.write(tmp_path / "image.nii")
    found = as_image(package.imread(tmp_path / "image.nii"))
    assert found.grid == image.grid
    np.testing.assert_array_equal(found.array, image.array)


def test_ants(image):
    assert_same(as_image(AnAntsImage(in_simpleitk(image))), image)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tensors_with_an_affine(random_image, dtype):
    image = random_image(3, 3)
    affine = image.grid.affine.astype(dtype)
    for array in (image.array, image.array[None]):
        found = as_image(ATensor(array, affine))
        np.testing.assert_array_equal(found.array, image.array)
        np.testing.assert_allclose(found.grid.affine, affine, atol=1e-6)
    in_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    found = as_image(ATensor(image.array[None], in_lps, space="LPS"))
    np.testing.assert_allclose(found.grid.affine, affine, atol=1e-6)


def test_tensors_of_planes():
    plane = np.random.default_rng(0).normal(size=(5, 6))
    affine = np.diag([-2.0, 3.0, 4.0, 1.0])
    for tensor in (
        ATensor(plane[None], affine),
        ATensor(plane, affine[[0, 1, 3]][:, [0, 1, 3]]),
        ATensor(plane[None], affine[[0, 1, 3]][:, [0, 1, 3]]),
    ):
        found = as_image(tensor)
        np.testing.assert_allclose(found.array, plane, rtol=1e-6)
        np.testing.assert_allclose(found.grid.affine[:2, :2], np.diag([-2.0, 3.0]))


def test_a_tensor_without_a_channel_axis():
    volume = np.random.default_rng(0).normal(size=(1, 5, 6))
    found = as_image(
        ATensor(volume, np.diag([2.0, 3, 4, 1]), original_channel_dim=float("nan"))
    )
    np.testing.assert_allclose(np.squeeze(found.array), volume[0], rtol=1e-6)
    np.testing.assert_allclose(sorted(found.grid.spacing)[-2:], [3.0, 4.0])


def test_a_torch_tensor_with_an_affine():
    torch = pytest.importorskip("torch")
    tensor = torch.rand(3, 4, 5, requires_grad=True).as_subclass(
        type("MetaTensor", (torch.Tensor,), {})
    )
    tensor.affine = torch.diag(torch.tensor([-2.0, 2.0, 3.0, 1.0]))
    found = as_image(tensor)
    np.testing.assert_allclose(found.grid.affine, np.diag([-2.0, 2.0, 3.0, 1.0]))
    assert found.grid.shape == (3, 4, 5)


def several_channels():
    array = np.random.default_rng(0).normal(size=(4, 5, 6, 3)).astype("float32")
    image = sitk.GetImageFromArray(array.transpose(2, 1, 0, 3), isVector=True)
    first = AnAntsImage(image)
    first.channels_first = True
    tensor = ATensor(np.moveaxis(array, -1, 0), np.diag([-1.0, -1.0, 1.0, 1.0]))
    return array, [image, AnAntsImage(image), first, tensor]


def test_channels():
    array, values = several_channels()
    for value in values:
        with pytest.raises(ValueError, match="`moving` .* 3 channels"):
            as_image(value, "moving")
        found = as_image(value, channel=1)
        np.testing.assert_array_equal(found.array, array[..., 1])
        np.testing.assert_allclose(found.grid.affine, np.diag([-1, -1, 1, 1]))


def test_four_dimensions():
    with pytest.raises(ValueError, match="4 dimensions.*choose a volume"):
        as_image(sitk.Image([3, 4, 5, 6], sitk.sitkFloat32))


def test_labels_keep_their_values_and_place():
    labels = np.zeros((4, 5, 6), "int64")
    labels[1:3, 1:3, 1:3] = 614454277
    image = sitk.GetImageFromArray(labels.transpose())
    image.SetSpacing((2, 3, 4))
    found = as_labels(image)
    np.testing.assert_array_equal(found.array, labels)
    np.testing.assert_allclose(found.grid.spacing, (2, 3, 4))


def test_a_mask_with_a_geometry_keeps_it(random_image):
    image = random_image(0, 3)
    shape = image.grid.shape
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    mask = np.ones(shape, "uint8")
    found = as_aligned_image(image, ATensor(mask, affine), "mask")
    np.testing.assert_allclose(found.grid.affine, affine)
    found = as_aligned_image(image, sitk.GetImageFromArray(mask.transpose()), "mask")
    np.testing.assert_allclose(found.grid.spacing, 1)
    assert as_aligned_image(image, mask, "mask").grid == image.grid


def test_an_unsupported_geometry_is_refused():
    class Volume(np.ndarray):
        spacing = (1.0, 2.0, 3.0)

    class DataArray:
        coords = {"x": [0, 2, 4]}

        def __array__(self, dtype=None, copy=None):
            return np.zeros((3, 3))

    for value in (np.ones((3, 4, 5)).view(Volume), DataArray()):
        with pytest.raises(ValueError, match="`fixed` .*geometry.*Received: "):
            as_image(value, "fixed")


def test_arrays_have_no_geometry():
    import keras

    for value in (np.eye(3), keras.ops.eye(3), [[0, 1]], np.ma.masked_array([1])):
        assert not knows_geometry(value)


def test_nibabel_images_without_an_affine(tmp_path):
    array = np.random.default_rng(0).normal(size=(4, 5, 6)).astype("float32")
    header = nib.Nifti1Header()
    header.set_data_shape(array.shape)
    header.set_zooms((0.5, 2.0, 3.0))
    image = nib.Nifti1Image(array, None, header)
    assert image.affine is None
    found = as_image(image)
    np.testing.assert_allclose(found.grid.spacing, (0.5, 2.0, 3.0))
    # The file that nibabel makes of it is the same image.
    nib.save(image, tmp_path / "image.nii")
    assert found.grid == Image.read(tmp_path / "image.nii").grid


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.spatialimages.SpatialImage])
def test_masked_arrays_are_refused(kind):
    array = np.ma.masked_less(np.arange(24.0).reshape(2, 3, 4), 5)
    for value in (array, kind(array, np.eye(4))):
        with pytest.raises(ValueError, match="`moving` .*masked.*Received: 5 of them"):
            as_image(value, "moving")
    image = Image.from_array(np.eye(24).reshape(-1)[:24].reshape(2, 3, 4))
    with pytest.raises(ValueError, match="`mask` .*masked"):
        as_aligned_image(image, array, "mask")
    unmasked = np.ma.masked_array(np.arange(24.0).reshape(2, 3, 4))
    np.testing.assert_array_equal(as_image(unmasked).array, unmasked)
