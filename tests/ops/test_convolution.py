import numpy as np
from keras import ops
from scipy import ndimage

from kregzoo.ops.convolution import convolve_axes


def test_each_axis_is_convolved_with_its_kernel_as_by_scipy():
    image = np.random.default_rng(0).normal(size=(2, 6, 7, 3)).astype("float32")
    kernels = ((1.0,), (0.25, 0.5, 0.25))
    found = ops.convert_to_numpy(convolve_axes(ops.convert_to_tensor(image), kernels))
    expected = ndimage.correlate1d(image, kernels[1], axis=2, mode="constant")
    np.testing.assert_allclose(found, expected, atol=1e-6)
    both = (kernels[1], kernels[1])
    found = ops.convert_to_numpy(convolve_axes(ops.convert_to_tensor(image), both))
    expected = ndimage.correlate1d(expected, kernels[1], axis=1, mode="constant")
    np.testing.assert_allclose(found, expected, atol=1e-6)
