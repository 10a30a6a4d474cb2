"""Write `golden.npz`, the outputs of voxelmorph 0.2 and tensorflow-addons 0.23.

Run it in a separate environment, see README.md. Inputs and outputs are stored under
`<case>/<name>`, so that the test needs neither library.
"""

import os
from pathlib import Path

os.environ["NEURITE_BACKEND"] = os.environ["VXM_BACKEND"] = "tensorflow"

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import tensorflow_addons as tfa  # noqa: E402
import voxelmorph as vxm  # noqa: E402
from scipy.interpolate import BSpline  # noqa: E402
from scipy.ndimage import gaussian_filter  # noqa: E402

SHAPES = {"2d": (16, 20), "3d": (12, 11, 10)}
rng = np.random.default_rng(0)


def smooth(shape, channels, sigma=2.0, batch=2):
    """Smooth random fields of unit variance, `(batch, *shape, channels)`."""
    noise = rng.normal(size=(batch, *shape, channels))
    field = gaussian_filter(noise, (0, *[sigma] * len(shape), 0))
    return (field / field.std()).astype("float32")


def unit(image):
    """Rescale each sample to [0, 1]."""
    axes = tuple(range(1, image.ndim))
    low, high = image.min(axes, keepdims=True), image.max(axes, keepdims=True)
    return (image - low) / (high - low)


def one_hot(shape, labels=4):
    """Random smooth segmentations, `(2, *shape, labels)`."""
    return np.eye(labels, dtype="float32")[smooth(shape, labels).argmax(-1)]


def parzen(image, bins=32):
    """Cubic B-spline membership of intensities in [0, 1] to bins, `(B, voxels, bins)`.

    One bin of margin lies on each side of the range.
    """
    position = 1 + image.reshape(len(image), -1, 1) * (bins - 3)
    window = BSpline.basis_element(np.arange(-2, 3), extrapolate=False)
    return np.nan_to_num(window(position - np.arange(bins))).astype("float32")


def mutual_information(fixed, warped):
    """Negative mutual information of the volumes' soft bin memberships.

    The window is ours: voxelmorph's is a Gaussian whose weights do not sum to 1. So is
    the small number that keeps its logarithms finite; its own 1e-7 shows in the result.
    """
    tf.keras.backend.set_epsilon(1e-12)
    return -vxm.losses.MutualInformation().maps(parzen(fixed), parzen(warped))


def warps(shape):
    """SpatialTransformer, ComposeTransform and VecInt."""
    ndim = len(shape)
    image = smooth(shape, 2)
    # Two voxels on average: near the border many vectors point out of the image.
    displacement, inner = 2 * smooth(shape, ndim), 2 * smooth(shape, ndim)
    affine = np.eye(ndim, ndim + 1) + 0.1 * rng.normal(size=(2, ndim, ndim + 1))
    affine[..., -1] *= 10
    affine = affine.astype("float32")
    layers = vxm.layers
    return {
        "image": image,
        "displacement": displacement,
        "inner": inner,
        "affine": affine,
        "linear": layers.SpatialTransformer("linear")([image, displacement]),
        "nearest": layers.SpatialTransformer("nearest")([image, displacement]),
        "affine_linear": layers.SpatialTransformer("linear")([image, affine]),
        "composed": layers.ComposeTransform()([displacement, inner]),
        "integrated": layers.VecInt(method="ss", int_steps=7)(displacement),
    }


def losses(shape):
    """NCC, MutualInformation, Grad, Dice and KL."""
    ndim = len(shape)
    fixed = unit(smooth(shape, 1))
    # NCC of voxelmorph 0.2 counts negative correlation as none, LNCC squares it, so
    # the pair correlates positively everywhere.
    warped = unit(fixed**1.5 + 0.02 * smooth(shape, 1, sigma=0.5))
    field = smooth(shape, ndim)
    posterior = smooth(shape, 2 * ndim)
    labels, warped_labels = one_hot(shape), one_hot(shape)
    return {
        "fixed": fixed,
        "warped": warped,
        "field": field,
        "posterior": posterior,
        "labels": labels,
        "warped_labels": warped_labels,
        "ncc": vxm.losses.NCC(win=9).loss(tf.constant(fixed), tf.constant(warped)),
        "mi": mutual_information(fixed, warped),
        "grad_l1": vxm.losses.Grad("l1").loss(None, tf.constant(field)),
        "grad_l2": vxm.losses.Grad("l2").loss(None, tf.constant(field)),
        "dice": vxm.losses.Dice().loss(tf.constant(labels), tf.constant(warped_labels)),
        "kl": vxm.losses.KL(10.0, shape).loss(None, tf.constant(posterior)),
    }


def addons():
    """tensorflow-addons: dense_image_warp, CorrelationCost, InstanceNormalization."""
    image, other, flow = (smooth(SHAPES["2d"], n) for n in (3, 3, 2))
    flow *= 2
    gamma, beta = rng.normal(size=(2, 3)).astype("float32")
    norm = tfa.layers.InstanceNormalization(epsilon=1e-3)
    norm.build(image.shape)
    norm.set_weights([gamma, beta])
    cost = {
        f"correlation_{stride}": tfa.layers.CorrelationCost(
            kernel_size=1,
            max_displacement=4,
            stride_1=1,
            stride_2=stride,
            pad=4,
            data_format="channels_last",
        )([image, other])
        for stride in (1, 2)
    }
    return {
        "image": image,
        "other": other,
        "flow": flow,
        "gamma": gamma,
        "beta": beta,
        "warped": tfa.image.dense_image_warp(image, flow),
        "normalized": norm(image),
        **cost,
    }


def main():
    """Write every case into one small file."""
    cases = {"addons": addons()}
    for rank, shape in SHAPES.items():
        cases[f"warps_{rank}"] = warps(shape)
        cases[f"losses_{rank}"] = losses(shape)
    arrays = {
        f"{case}/{name}": np.asarray(value, "float32")
        for case, values in cases.items()
        for name, value in values.items()
    }
    np.savez_compressed(Path(__file__).with_name("golden.npz"), **arrays)


if __name__ == "__main__":
    main()
