import numpy as np
import pytest
from scipy import ndimage

from kregzoo.layers import AffineTransformer
from tests.helpers import assert_close, assert_gradient, random_image, run_layer_test


def _affines(batch, ndim):
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (batch, ndim, ndim + 1))
    return (np.eye(ndim, ndim + 1) + noise).astype("float32")


@pytest.mark.parametrize("shape", [(12, 10), (10, 8, 9)])
def test_warps_as_scipy(shape, tmp_path):
    image, affine = random_image((2, *shape, 1)), _affines(2, len(shape))
    output = run_layer_test(
        AffineTransformer, {}, [image, affine], image.shape, tmp_path
    )
    center = (np.array(shape) - 1) / 2
    for sample in range(2):
        matrix, translation = affine[sample, :, :-1], affine[sample, :, -1]
        expected = ndimage.affine_transform(
            image[sample, ..., 0],
            matrix,
            center + translation - matrix @ center,
            order=1,
            mode="nearest",
        )
        assert_close(output[sample, ..., 0], expected, atol=1e-4)


@pytest.mark.parametrize("shape", [(12, 10), (10, 8, 9)])
def test_gradients(shape):
    image, affine = random_image((1, *shape, 1)), _affines(1, len(shape))
    layer = AffineTransformer()
    assert_gradient(lambda x: layer([x, affine]), image)
    assert_gradient(lambda a: layer([image, a]), affine, step=1e-3, tolerance=0.05)


def test_rejects_unknown_sampling():
    with pytest.raises(ValueError, match="`fill` must be.*mirror"):
        AffineTransformer(fill="mirror")
