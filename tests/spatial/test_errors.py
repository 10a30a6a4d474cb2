"""Errors that blame the image, as opposed to a damaged file."""

import numpy as np
import pytest
import SimpleITK as sitk

from kregzoo.spatial import Image, as_image, reading
from kregzoo.spatial.errors import UnsuitableImageError

VOXELS = np.random.default_rng(0).integers(0, 1000, (6, 7, 5)).astype("int16")
COLORS = np.random.default_rng(1).integers(0, 256, (6, 8, 3)).astype("uint8")


def test_a_color_image_is_not_called_damaged(tmp_path):
    path = tmp_path / "image.png"
    sitk.WriteImage(sitk.GetImageFromArray(COLORS, isVector=True), str(path))
    with pytest.raises(ValueError, match="3 channels.*channel=") as error:
        as_image(path, "moving")
    assert "damaged" not in str(error.value)


def test_a_file_of_too_many_voxels_is_not_called_damaged(tmp_path, monkeypatch):
    monkeypatch.setattr(reading.itk, "MAX_VOXELS", 100)
    for name in ("image.nii.gz", "image.mha"):
        Image.from_array(VOXELS).write(tmp_path / name)
        with pytest.raises(ValueError, match="maximum is 100") as error:
            Image.read(tmp_path / name)
        assert isinstance(error.value.__cause__, UnsuitableImageError)
        assert "damaged" not in str(error.value)


def test_a_damaged_file_is_called_damaged(tmp_path):
    (tmp_path / "image.nii").write_bytes(b"no image")
    with pytest.raises(ValueError, match="could not be read") as error:
        Image.read(tmp_path / "image.nii")
    assert not isinstance(error.value.__cause__, UnsuitableImageError)
