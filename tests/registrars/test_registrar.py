import nibabel as nib
import numpy as np
import pytest

from kregzoo.spatial import AffineTransform, Grid, Image
from tests.registrars.untrained import pair


def test_every_kind_of_input_gives_the_same(simple, tmp_path):
    # On grids that NIfTI holds without rounding: the alignment may stop elsewhere.
    moving, fixed = (
        Image(image.array, Grid(image.grid.shape, np.float32(image.grid.affine)))
        for image in pair()[1:]
    )
    for name, image in (("moving", moving), ("fixed", fixed)):
        image.write(tmp_path / f"{name}.nii.gz")
        image.write(tmp_path / f"{name}.mha")
    expected = simple.register(moving, fixed, progress=False).warped.array
    paths = [tmp_path / f"{name}.nii.gz" for name in ("moving", "fixed")]
    kinds = {
        "paths": paths,
        "strings": [str(path).replace(".nii.gz", ".mha") for path in paths],
        "nibabel": [nib.load(path) for path in paths],
    }
    for images in kinds.values():
        result = simple.register(*images, progress=False)
        np.testing.assert_allclose(result.warped.array, expected, atol=1e-3)
    arrays = simple.register(moving.array, fixed.array, progress=False)
    assert arrays.warped.array.shape == fixed.array.shape
    assert arrays.metrics["ncc"] > 0.5


IMAGE = np.outer(np.hanning(12), np.hanning(12))


BAD = {
    "constant": ({"moving": np.ones((12, 12))}, "moving"),
    "NaN": ({"fixed": np.full((12, 12), np.nan)}, "fixed"),
    "infinite": ({"fixed": np.where(IMAGE > 0.5, np.inf, IMAGE)}, "fixed"),
    "four dimensions": ({"moving": np.ones((4, 4, 4, 5))}, "moving"),
    "three dimensions": ({"moving": np.stack([IMAGE] * 4, axis=2)}, "moving"),
    "one dimension": ({"fixed": IMAGE[6]}, "fixed"),
    "empty": ({"fixed": np.ones((0, 4))}, "fixed"),
    "complex": ({"fixed": IMAGE * 1j}, "fixed"),
    "no such file": ({"moving": "no/such/file.nii.gz"}, "moving"),
    "not an image": ({"fixed": "text.nii.gz"}, "fixed"),
    "None": ({"fixed": None}, "fixed"),
    "mask that is no image": ({"moving_mask": "text.nii.gz"}, "moving_mask"),
    "mask of a volume": ({"fixed_mask": np.ones((4, 4, 4))}, "fixed_mask"),
    "negative refine": ({"refine": -1}, "refine"),
    "no pass": ({"passes": 0}, "passes"),
    "initial of a volume": ({"initial": AffineTransform(np.eye(4))}, "initial"),
    "initial that is a matrix": ({"initial": np.eye(3)}, "initial"),
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD.keys())
def test_bad_input_names_the_argument_and_leaves_nothing(
    simple, change, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.nii.gz").write_text("not an image")
    changes, argument = change
    arguments = {"moving": IMAGE, "fixed": IMAGE, **changes}
    with pytest.raises(ValueError, match=f"(?s)`{argument}`.*Received"):
        simple.register(**arguments, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["text.nii.gz"]
