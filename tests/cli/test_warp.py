import numpy as np
import pytest
import SimpleITK as sitk

from kregzoo import cli
from kregzoo.spatial import Image
from tests.cli.small_files import resampled_by_simpleitk


@pytest.mark.parametrize("option", [[], ["--nearest"]])
def test_warp_agrees_with_simpleitk(files, option):
    words = ["moving.nii.gz", "shift.tfm", "--like", "fixed.nii.gz", "-o", "w.nii.gz"]
    assert cli.main(["warp", *words, *option]) == 0
    interpolator = sitk.sitkNearestNeighbor if option else sitk.sitkLinear
    np.testing.assert_allclose(
        sitk.GetArrayFromImage(sitk.ReadImage("w.nii.gz")),
        resampled_by_simpleitk("moving.nii.gz", interpolator),
        atol=1e-5,
    )


@pytest.mark.parametrize("option", [[], ["--nearest"], ["--linear"]])
def test_warp_keeps_what_looks_like_labels(files, option, capsys):
    rng = np.random.default_rng(0)
    regions = np.kron(rng.integers(0, 900, (2, 5, 4)), np.ones((6, 2, 2), "int16"))
    affine = np.diag([-2.0, 2.0, 2.5, 1.0])
    Image.from_array(regions, affine=affine).write("regions.nii.gz")
    words = ["regions.nii.gz", "shift.tfm", "--like", "fixed.nii.gz", "-o", "w.nii.gz"]
    assert cli.main(["warp", *words, *option]) == 0
    linear = option == ["--linear"]
    np.testing.assert_allclose(
        sitk.GetArrayFromImage(sitk.ReadImage("w.nii.gz")),
        resampled_by_simpleitk(
            "regions.nii.gz", sitk.sitkLinear if linear else sitk.sitkNearestNeighbor
        ),
        atol=1e-2,
    )
    told = "regions.nii.gz looks like a map of labels" in capsys.readouterr().err
    assert told == (not option)
