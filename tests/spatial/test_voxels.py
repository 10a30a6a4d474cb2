import numpy as np
import pytest

from kregzoo.spatial.voxels import as_voxels, enumerate_values


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.array([True, False]), "uint8"),
        (np.array([1, 2], ">i2"), "int16"),
        (np.array([1, 2**40]), "int64"),
        (np.array([0.5, 3.0]), "float32"),
        (np.array([0.0, 2.0**24]), "float32"),
        (np.array([0.0, 2.0**24 + 1]), "int64"),
        (np.array([0.0, -(2.0**24) - 1]), "int64"),
        (np.array([0.5, 2.0**24 + 1]), "float32"),
        (np.array([0.0, 1e30]), "float32"),
        (np.array([np.nan, 2.0**24 + 1]), "float32"),
        (np.array([np.inf, 2.0**24 + 1]), "float32"),
        (np.array([0.0, 2.0**24 + 1], ">f8"), "int64"),
        (np.zeros((0, 2)), "float32"),
    ],
)
def test_types(array, dtype):
    voxels = as_voxels(array)
    assert voxels.dtype == dtype and voxels.dtype.isnative
    np.testing.assert_allclose(voxels, array.astype("float64"), rtol=1e-7)


@pytest.mark.parametrize("array", [np.array([1j]), np.array(["a"]), np.array([None])])
def test_no_real_numbers(array):
    with pytest.raises(ValueError, match="real numbers.*Received: dtype="):
        as_voxels(array)


def test_masked_voxels_are_refused():
    array = np.ma.masked_equal([[0.0, -9999.0]], -9999.0)
    with pytest.raises(ValueError, match=r"`array.filled\(value\)`.*Received: 1 of"):
        as_voxels(array)
    np.testing.assert_array_equal(as_voxels(np.ma.masked_array([1, 2])), [1, 2])


@pytest.mark.parametrize("dtype", ["int16", "uint32", "int64", "uint64"])
def test_enumerated_values_are_numpys(dtype):
    limits = np.iinfo(dtype)
    labels = np.array([limits.min, limits.min + 7, limits.max], dtype)
    array = np.random.default_rng(0).choice(labels, (3, 4, 5))
    values, index = enumerate_values(array)
    expected, inverse = np.unique(array, return_inverse=True)
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(index, inverse.reshape(array.shape))
