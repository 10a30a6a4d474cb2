import nibabel as nib
import numpy as np
import pytest

from kregzoo.registrars import register
from kregzoo.spatial import Image, read_transform
from tests.phantoms import Phantom, linear_map, mean_error, rotated_grid, wave


@pytest.fixture(scope="module")
def linear_pair():
    truth = linear_map(2, degrees=8.0, shift=6.0)
    phantom = Phantom(2, radius=45.0)
    moving = phantom.image(rotated_grid((90, 84), 1.6, 25.0))
    fixed = phantom.image(rotated_grid((100, 96), 1.5, 0.0), truth)
    return moving, fixed, truth, phantom.landmarks()


@pytest.mark.parametrize("method", ["rigid", "affine"])
@pytest.mark.parametrize("metric", ["mi", "nmi", "ncc", "lncc", "ngf", "mind"])
def test_every_metric_recovers_a_rigid_motion(linear_pair, method, metric):
    moving, fixed, truth, landmarks = linear_pair
    found = register(moving, fixed, method, metric, progress=False)
    assert mean_error(found.transform, truth, landmarks) < 1.0


def test_mutual_information_aligns_an_inverted_contrast(linear_pair):
    moving, fixed, truth, landmarks = linear_pair
    inside = fixed.array > 0.02 * fixed.array.max()
    inverted = Image(np.where(inside, fixed.array.max() - fixed.array, 0), fixed.grid)
    found = register(moving, inverted, "rigid", progress=False)
    assert mean_error(found.transform, truth, landmarks) < 1.0


@pytest.mark.parametrize("method", ["bspline", "deformable"])
@pytest.mark.parametrize("metric", ["mi", "lncc"])
def test_deformations_are_recovered(method, metric):
    truth = wave(2)
    phantom = Phantom(2, radius=45.0)
    moving = phantom.image(rotated_grid((90, 84), 1.6, 0.0))
    fixed = phantom.image(rotated_grid((100, 96), 1.5, 0.0), truth)
    landmarks = phantom.landmarks()
    affine = register(moving, fixed, "affine", metric, progress=False)
    found = register(moving, fixed, method, metric, progress=False)
    before = mean_error(affine.transform, truth, landmarks)
    assert mean_error(found.transform, truth, landmarks) < 0.6 * before


@pytest.mark.parametrize(
    "options", [{"method": "elastic"}, {"metric": "ssd"}], ids=["method", "metric"]
)
def test_unknown_choices_are_refused(options):
    (argument,) = options
    with pytest.raises(ValueError, match=f"`{argument}` must be one of"):
        register(np.eye(16), np.eye(16), **options)


def test_the_saved_transform_of_two_slices_is_a_start(linear_pair, tmp_path):
    moving, fixed, truth, landmarks = linear_pair
    for name, image in (("moving", moving), ("fixed", fixed)):
        affine = np.zeros((4, 4))
        affine[np.ix_([0, 2, 3], [0, 1, 3])] = image.grid.affine
        affine[:3, 2] = (0, 5, 0)
        volume = nib.Nifti1Image(image.array[..., None], affine)
        volume.to_filename(tmp_path / f"{name}.nii.gz")
    files = [tmp_path / "moving.nii.gz", tmp_path / "fixed.nii.gz"]
    found = register(*files, "rigid", progress=False)
    found.save(tmp_path / "out")
    start = read_transform(tmp_path / "out" / "transform.h5")
    assert start.ndim == 3
    again = register(*files, "rigid", initial=start, progress=False)
    assert mean_error(again.transform, truth, landmarks) < 1.0
