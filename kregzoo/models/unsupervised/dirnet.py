"""DIRNet: a network that regresses the control points of a B-spline.

Survey section 5.1, reference [26]: de Vos, Berendsen, Viergever, Staring, Isgum,
"End-to-End Unsupervised Deformable Image Registration with a Convolutional Neural
Network", DLMIA at MICCAI 2017, arXiv 1704.06065. The survey calls its cardiac images
4-D; the experiment is on 2-D short-axis slices, frames of one person.

Published: the concatenated pair as input; convolutions of size 3 between average
poolings; convolutions of size 1; batch normalization and ELU after each convolution but
the last; a cubic B-spline on the control points; normalized cross-correlation as the
only loss.

Not confirmed for the paper, and taken from the authors' later public code: five
convolutions of 32 channels and two of size 1, a last convolution initialized to zero,
Adam at 1e-3. Our choices: the positions of the control points (see
`kregzoo.blocks.control_points`), a spacing of 8 pixels, the central 160 pixels of each
image, eight pairs per step, and training on both directions of each pair, in a random
common pose.
"""

from keras import layers

from kregzoo.blocks import control_points, pair_inputs
from kregzoo.layers import BSplineField, SpatialTransformer
from kregzoo.losses import NCC, BendingEnergy
from kregzoo.presets.weights import pretrained
from kregzoo.registrars import Refinement
from kregzoo.training import (
    ImagePairs,
    Images,
    Pose,
    Recipe,
    RegistrationModel,
    Scale,
    Supervised,
    System,
)


@pretrained("dirnet")
def DIRNet(
    input_shape=(256, 256, 1),
    spacing=8,
    width=32,
    include_top=True,
    weights=None,
    name="dirnet",
):
    """Instantiate DIRNet (de Vos et al., DLMIA 2017).

    The model is called on `{"moving": (B, *spatial, 1), "fixed": (B, *spatial, 1)}`,
    with intensities in [0, 1], and returns `"warped"`, `"displacement"`
    `(B, *spatial, D)` and `"control_points"` `(B, *(spatial / spacing + 3), D)`, both
    in voxels.

    Args:
        input_shape: tuple `(*spatial, 1)` of one image, in 2-D or 3-D; spatial sizes
            divisible by `spacing`, or `None`.
        spacing: int, a power of 2. Distance between control points in voxels.
        width: int. Channels of each convolution.
        include_top: bool. Whether to add the spline and the warp. Otherwise the model
            returns only `"control_points"`.
        weights: None for random weights, the path of a `.weights.h5` file, or the data
            tag of a preset (`"cardiac_cine"`), whose arguments then replace the
            defaults.
        name: str. Name of the model.

    Returns:
        A `kregzoo.training.RegistrationModel`.

    Raises:
        ValueError: If `spacing` is not a power of 2; `weights` are unknown or belong to
            another architecture or other arguments; or `input_shape` is not 2-D or 3-D
            or not divisible by `spacing`.

    Example:
        >>> import keras
        >>> model = DIRNet((32, 32, 1))
        >>> image = keras.ops.ones((1, 32, 32, 1))
        >>> tuple(model({"moving": image, "fixed": image})["control_points"].shape)
        (1, 7, 7, 2)
    """
    if spacing < 2 or spacing & (spacing - 1):
        raise ValueError(
            f"`spacing` must be a power of 2, 2 or more. Received: spacing={spacing}"
        )
    inputs = pair_inputs(input_shape, divisor=spacing)
    pair = layers.Concatenate(name="pair")([inputs["moving"], inputs["fixed"]])
    points = control_points(pair, spacing, width, normalize=True, name="spline")
    outputs = {"control_points": points}
    if include_top:
        field = BSplineField(spacing, name="displacement")(points)
        outputs["displacement"] = field
        warp = SpatialTransformer(name="warp")
        outputs["warped"] = warp([inputs["moving"], field])
    return RegistrationModel(inputs=inputs, outputs=outputs, name=name)


RECIPE = Recipe(
    data=ImagePairs(
        augmentation=Pose(rotation=10.0, scale=0.1, shift=8.0, flip=True),
        both_directions=True,
        alignment="none",
        held_out=40,
    ),
    trainer=Supervised(losses={"warped": NCC()}),
    scales={
        "cpu": Scale(
            spacing=1.0,
            shapes=((160, 160),),
            steps=6000,
            learning_rate=1e-3,
            model={"spacing": 8, "width": 32},
            batch_size=8,
            divisor=None,
        ),
        "published": Scale(
            spacing=1.0,
            shapes=((160, 160),),
            steps=5000,
            learning_rate=1e-3,
            model={"spacing": 8, "width": 32},
            batch_size=32,
            divisor=None,
            decay=False,
            changes={"data": ImagePairs(alignment="none", held_out=20)},
        ),
    },
    refinement=Refinement(NCC(), ((BendingEnergy(), 1.0),)),
    images=Images("MR", "MR", "short-axis cine slices of one heart"),
)

SYSTEM = System(
    name="dirnet",
    builder=DIRNet,
    chapter="5.1",
    reference="de Vos et al., DLMIA 2017 [26]",
    predicts="control points",
    recipes={"cardiac_cine": RECIPE},
)
