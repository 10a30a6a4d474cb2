import nibabel as nib
import nitransforms
import numpy as np
import pytest

from kregzoo.spatial import AffineTransform, read_flirt, write_flirt

MATRIX = np.array(
    [[0.9, 0.1, 0.0, 4.0], [-0.1, 1.1, 0.05, -3.0], [0.0, 0.1, 1.0, 2.0], [0, 0, 0, 1]]
)


def nifti(image):
    return nib.Nifti1Image(image.array, image.grid.affine)


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_nitransforms(tmp_path, random_image, seed):
    moving, fixed = random_image(seed, 3), random_image(seed + 10, 3)
    path = tmp_path / "affine.mat"
    write_flirt(AffineTransform(MATRIX), path, moving, fixed)
    other = nitransforms.linear.load(
        path, fmt="fsl", reference=nifti(fixed), moving=nifti(moving)
    )
    np.testing.assert_allclose(other.matrix, MATRIX, atol=1e-4)
    np.testing.assert_allclose(
        read_flirt(path, moving, fixed).matrix, MATRIX, atol=1e-6
    )


def test_both_storage_orders_are_tested(random_image):
    """The seeds above cover neurological and radiological storage of both images."""
    signs = [
        [
            np.sign(np.linalg.det(random_image(s + offset, 3).grid.affine))
            for s in range(4)
        ]
        for offset in (0, 10)
    ]
    assert all(set(row) == {-1.0, 1.0} for row in signs)


def test_identity_of_one_grid_is_the_identity_matrix(tmp_path, random_image):
    image = random_image(0, 3)
    write_flirt(AffineTransform(np.eye(4)), tmp_path / "affine.mat", image, image)
    np.testing.assert_allclose(
        np.loadtxt(tmp_path / "affine.mat"), np.eye(4), atol=1e-8
    )


@pytest.mark.parametrize("content", ["", "1 2 3", "a b c", "0 0 0 0\n" * 4])
def test_other_files_are_refused(tmp_path, random_image, content):
    (tmp_path / "bad.mat").write_text(content)
    image = random_image(0, 3)
    with pytest.raises(ValueError, match="No FLIRT matrix"):
        read_flirt(tmp_path / "bad.mat", image, image)


def test_impossible_writing_leaves_no_file(tmp_path, random_image):
    image, picture = random_image(0, 3), random_image(0, 2)
    affine = AffineTransform(np.eye(4))
    with pytest.raises(ValueError, match="affine"):
        write_flirt(affine.compose(affine), tmp_path / "a.mat", image, image)
    with pytest.raises(ValueError, match="`fixed` must be 3-D"):
        write_flirt(affine, tmp_path / "a.mat", image, picture)
    assert list(tmp_path.iterdir()) == []
