"""Self-similarity context of the modality-independent neighborhood descriptor."""

import itertools

import keras
from keras import ops as kops

from kregzoo import ops
from kregzoo.losses.base import ImageLoss
from kregzoo.losses.common import voxel_mean


@keras.saving.register_keras_serializable(package="kregzoo")
class MINDSSC(ImageLoss):
    """Compute the mean squared difference of self-similarity descriptors.

    Heinrich et al., Towards Realtime Multimodal Fusion for Image-Guided Interventions
    Using Self-similarities, MICCAI 2013. In [0, 1]. Invariant to linear changes of the
    intensities of either image, including inverted contrast.

    `call(y_true, y_pred, mask=None)` takes the fixed and the warped image
    `(B, *spatial, C)` and optional weights `(B, *spatial, 1)`; it returns `(B,)`.

    Args:
        radius: int >= 0. The compared patches are `2 * radius + 1` voxels wide.
        dilation: int >= 1. Distance in voxels from a voxel to the compared patches.
        name: str. The loss's name.
        **kwargs: arguments of `keras.losses.Loss`.

    Raises:
        ValueError: If `radius` is negative or `dilation` is below 1.

    Example:
        >>> image = keras.random.uniform((1, 16, 16, 1), seed=0)
        >>> round(float(MINDSSC()(image, 3.0 - 2.0 * image)), 3)
        0.0
    """

    def __init__(self, radius=2, dilation=2, name="mind_ssc", **kwargs):
        super().__init__(name=name, **kwargs)
        if radius < 0 or dilation < 1:
            raise ValueError(
                "`radius` must be at least 0 and `dilation` at least 1. "
                f"Received: radius={radius}, dilation={dilation}"
            )
        self.radius = radius
        self.dilation = dilation

    def call(self, y_true, y_pred, mask=None):
        fixed = mind_ssc(y_true, self.radius, self.dilation)
        warped = mind_ssc(y_pred, self.radius, self.dilation)
        return voxel_mean(kops.mean(kops.square(fixed - warped), axis=-1), mask)

    def get_config(self):
        return {
            **super().get_config(),
            "radius": self.radius,
            "dilation": self.dilation,
        }


def mind_ssc(image, radius=2, dilation=2):
    """Describe each voxel by the similarity of the patches around it.

    For each pair of neighbors along different axes, the descriptor is `exp(-x)`. Here x
    is the distance of their patches minus the smallest such distance, divided by the
    mean over the pairs. The mean is kept within a factor of 1000 of its average over
    the image.

    Args:
        image: tensor `(B, *spatial, C)`.
        radius: int >= 0. Patches are `2 * radius + 1` voxels wide.
        dilation: int >= 1. Distance of the neighbors in voxels.

    Returns:
        Tensor `(B, *spatial, C, P)` in (0, 1], P = 4 in 2-D and 12 in 3-D.
    """
    ndim = len(image.shape) - 2
    sides = [
        [_shift(image, axis, step) for step in (-dilation, dilation)]
        for axis in range(1, ndim + 1)
    ]
    pairs = [
        kops.square(one - other)
        for first, second in itertools.combinations(sides, 2)
        for one, other in itertools.product(first, second)
    ]
    # Filter all pairs at once, as channels. A box at the border contains fewer voxels,
    # which the division by the mean cancels.
    patches = ops.box_sum(kops.concatenate(pairs, axis=-1), 2 * radius + 1)
    patches = kops.split(patches, len(pairs), axis=-1)
    distances = kops.stack(patches, axis=-1)
    distances = distances - kops.min(distances, axis=-1, keepdims=True)
    scale = kops.mean(distances, axis=-1, keepdims=True)
    average = kops.mean(scale, axis=tuple(range(1, ndim + 1)), keepdims=True)
    scale = kops.clip(scale, 1e-3 * average, 1e3 * average)
    return kops.exp(-distances / kops.maximum(scale, 1e-20))


def _shift(image, axis, step):
    """Shift an image by `step` voxels along an axis, repeating the edge."""
    before = (slice(None),) * axis
    if step > 0:
        kept, edge = image[(*before, slice(step, None))], slice(-1, None)
    else:
        kept, edge = image[(*before, slice(None, step))], slice(None, 1)
    repeated = [image[(*before, edge)]] * abs(step)
    parts = [kept, *repeated] if step > 0 else [*repeated, kept]
    return kops.concatenate(parts, axis=axis)
