"""Images that no method can register, and files of them."""

import gzip

import nibabel as nib
import numpy as np

from tests.phantoms import Phantom, rotated_grid

BRAINS, HEARTS = "voxelmorph_brain_t1", "dirnet_cardiac_cine"
SPACING = 8.0


def brain(shape=(20, 24, 20)):
    return Phantom(3, radius=60.0).image(rotated_grid(shape, SPACING, 5.0))


def nifti(folder, array, affine=None):
    path = folder / "bad.nii.gz"
    affine = np.diag([SPACING] * 3 + [1]) if affine is None else affine
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


def whole(folder, suffix=".nii"):
    path = folder / f"bad{suffix}"
    brain().write(path)
    return path


def truncated(folder, suffix=".nii.gz"):
    path = whole(folder, suffix)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def corrupt(folder):
    path = whole(folder, ".nii.gz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    return path


def empty(folder):
    path = folder / "bad.nii.gz"
    path.write_bytes(b"")
    return path


def wrong_magic(folder):
    path = whole(folder)
    content = bytearray(path.read_bytes())
    content[344:348] = b"abcd"
    content[0:4] = b"\0\0\0\0"
    path.write_bytes(content)
    return path


def with_header(folder, **fields):
    """A NIfTI file whose header says what no writer would."""
    path = whole(folder)
    content = bytearray(path.read_bytes())
    header = nib.Nifti1Header(bytes(content[:348]), check=False)
    for name, value in fields.items():
        header[name] = value
    content[:348] = header.binaryblock
    path.write_bytes(content)
    return path


def with_affine(folder, affine):
    rows = {f"srow_{axis}": row for axis, row in zip("xyz", affine, strict=False)}
    return with_header(folder, sform_code=1, qform_code=0, **rows)


def with_zooms(folder, zooms):
    return with_header(
        folder, sform_code=0, qform_code=0, pixdim=[1, *zooms, 1, 1, 1, 1]
    )


def colors(folder):
    dtype = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    return nifti(folder, np.zeros((6, 6, 6), dtype))


def labels(folder):
    blocks = np.arange(8, dtype="uint8").reshape(2, 2, 2)
    return nifti(folder, np.kron(blocks, np.ones((5, 5, 5), "uint8")))


def promised(folder, suffix):
    """A few bytes that say they are an image of 4 TB."""
    path = whole(folder, ".nii")
    content = bytearray(path.read_bytes())
    header = nib.Nifti1Header(bytes(content[:348]))
    header.set_data_shape((10000, 10000, 10000))
    content[:348] = header.binaryblock
    if suffix == ".nii":
        path.write_bytes(content)
        return path
    path.unlink()
    path = folder / "bad.nii.gz"
    with gzip.open(path, "wb") as file:
        file.write(content)
        # So much is there: zeros compress a thousandfold.
        for _ in range(64):
            file.write(bytes(2**20))
    return path


def slabs(folder):
    """3000 voxels along an axis, 24 m of them."""
    rng = np.random.default_rng(0)
    return nifti(folder, rng.uniform(size=(3000, 40, 40)).astype("float32"))


def filled(value):
    array = brain().array.copy()
    array[5] = value
    return array


# What each is, how it is made, and what the message must say of it.
IMAGES = {
    "truncated": (truncated, "could not be read"),
    "truncated, not compressed": (lambda f: truncated(f, ".nii"), "could not be read"),
    "truncated MGH": (lambda f: truncated(f, ".mgz"), "could not be read"),
    "truncated MetaImage": (lambda f: truncated(f, ".mha"), "could not be read"),
    "corrupt": (corrupt, "could not be read"),
    "zero bytes": (empty, "could not be read"),
    "wrong magic": (wrong_magic, "could not be read"),
    "no such file": (lambda f: f / "none.nii.gz", "no such file"),
    "a folder": (lambda f: f, "could not be read"),
    "two dimensions": (lambda f: nifti(f, np.eye(20)[..., None]), "3 dimensions"),
    "a series": (lambda f: nifti(f, np.random.rand(6, 6, 6, 3)), "3 channels"),
    "colors": (colors, "3 channels"),
    "complex": (lambda f: nifti(f, np.ones((6, 6, 6), "complex64")), "real numbers"),
    "NaN": (lambda f: nifti(f, np.full((6, 6, 6), np.nan)), "216 voxels that are not"),
    "infinity": (lambda f: nifti(f, filled(np.inf)), "480 voxels that are not"),
    "constant": (lambda f: nifti(f, np.full((6, 6, 6), 3.0)), "all equal"),
    "labels": (labels, "map of labels"),
    "zero spacing": (lambda f: with_zooms(f, [8, 0, 8]), "spacing is [8.0, 0.0"),
    "negative spacing": (lambda f: with_zooms(f, [8, -8, 8]), "spacing is [8.0, -8"),
    "singular affine": (lambda f: with_affine(f, np.ones((3, 4))), "axes parallel"),
    "affine of NaN": (lambda f: with_affine(f, np.full((3, 4), np.nan)), "finite"),
    "3000 voxels": (slabs, "crop it"),
    "4 TB": (lambda f: promised(f, ".nii"), "crop it"),
    "4 TB, compressed": (lambda f: promised(f, ".nii.gz"), "crop it"),
}  # fmt: skip
ANY_VALUES = {"two dimensions", "constant", "labels", "3000 voxels"}
