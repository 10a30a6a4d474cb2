# %% [markdown]
# # Train your own network
#
# Needs `pip install ".[demo]"`. Layers, losses and blocks of kregzoo are plain Keras
# objects. This tutorial builds a registration network from them, then replaces its
# transform, then its encoder by one of `keras.applications`.

# %%
import os

import keras
import numpy as np
from keras import layers

from kregzoo import demo, losses, ops
from kregzoo.blocks import unet
from kregzoo.layers import BSplineField, RescaleTransform, SpatialTransformer, VecInt
from kregzoo.training import RandomDeformations

EPOCHS = int(os.environ.get("TUTORIAL_EPOCHS", 30))
SHAPE = (128, 128, 1)
keras.utils.set_random_seed(0)

# %% [markdown]
# The training pairs are axial slices of the MNI152 template and the same slices under
# smooth random deformations. The true displacement is known. It is used to measure the
# error, not for training. The last 40 pairs are held out.

# %%
template, _ = demo.read_anatomy()
template = template.resample(template.grid.resampled(2.0))
volume = np.moveaxis(template.array[..., 25:65] / template.array.max(), -1, 0)
low = [(128 - size) // 2 for size in volume.shape[1:]]
width = [(r, 128 - r - n) for r, n in zip(low, volume.shape[1:], strict=True)]
slices = np.pad(volume, [(0, 0), *width])[..., None]
draw = RandomDeformations(slices, spacings=(32,), sd=0.15).draw
moving, fixed, truth = draw(np.random.default_rng(0), 200)
pairs = {"moving": moving[:-40], "fixed": fixed[:-40]}
held_out = {"moving": moving[-40:], "fixed": fixed[-40:]}
inside = fixed[-40:, ..., 0] > 0.1
print(f"{len(moving)} pairs of {moving.shape[1:-1]} pixels")

# %% [markdown]
# ## A functional model
#
# The model takes two images, predicts a displacement, and warps the moving image. The
# loss of `"warped"` compares it with the fixed image. The loss of `"displacement"`
# penalizes rough fields and ignores the target.


# %%
def registration(head, features):
    """A model of a head, which turns features into a displacement in pixels."""
    inputs = {name: keras.Input(SHAPE, name=name) for name in ("moving", "fixed")}
    both = layers.Concatenate()([inputs["moving"], inputs["fixed"]])
    displacement = layers.Identity(name="displacement")(head(features(both)))
    warped = SpatialTransformer(name="warped")([inputs["moving"], displacement])
    return keras.Model(inputs, {"warped": warped, "displacement": displacement})


def train(model, name, smoothness=0.5):
    """Train on the pairs, and print the error on the held-out ones."""
    model.compile(
        keras.optimizers.Adam(1e-3),
        loss={"warped": losses.LNCC(window=9), "displacement": losses.Gradient("l2")},
        loss_weights={"warped": 1.0, "displacement": smoothness},
    )
    unread = np.zeros((len(pairs["fixed"]), 1))
    target = {"warped": pairs["fixed"], "displacement": unread}
    model.fit(pairs, target, batch_size=8, epochs=EPOCHS, verbose=0)
    found = model.predict(held_out, verbose=0)["displacement"]
    before, after = (
        np.linalg.norm(error, axis=-1)[inside].mean()
        for error in (truth[-40:], found - truth[-40:])
    )
    folds = 100 * np.mean(np.array(ops.jacobian_determinant(found)) < 0)
    print(
        f"{name}: {model.count_params()} parameters, error {before:.2f} to "
        f"{after:.2f} pixels, folded {folds:.3f} %"
    )


def features(both):
    return unet(both, encoder=(16, 32, 32), decoder=(32, 32, 32, 16, 16))


def direct(x):
    small = keras.initializers.RandomNormal(stddev=1e-5)
    return layers.Conv2D(2, 3, padding="same", kernel_initializer=small)(x)


train(registration(direct, features), "displacement")

# %% [markdown]
# ## Another transform
#
# Replace the head. An integrated velocity at half resolution does not fold:


# %%
def diffeomorphic(x):
    velocity = direct(layers.AveragePooling2D(2)(x))
    return RescaleTransform(2)(VecInt(7)(velocity))


train(registration(diffeomorphic, features), "velocity")

# %% [markdown]
# Predict control points of a B-spline, sixteen pixels apart, with one point of margin
# on each side:


# %%
def bspline(x):
    x = layers.AveragePooling2D(16)(x)
    x = layers.ZeroPadding2D(2)(x)
    small = keras.initializers.RandomNormal(stddev=1e-5)
    control_points = layers.Conv2D(2, 2, kernel_initializer=small)(x)
    return BSplineField(16)(control_points)


train(registration(bspline, features), "B-spline")

# %% [markdown]
# ## Another encoder
#
# The encoder may be any Keras network that returns features. Here it is MobileNetV2,
# down to a sixteenth of the size, with the same head of control points. To use the
# ImageNet weights (`weights="imagenet"`), which need three channels, the machine must
# be online. The backbones of KerasHub work, too.


# %%
def mobile(both):
    average = layers.Average()([both[..., :1], both[..., 1:]])
    backbone = keras.applications.MobileNetV2(
        (128, 128, 3), alpha=0.35, include_top=False, weights=None
    )
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            # It keeps the mean of a thousand steps, more than there are here.
            layer.momentum = 0.9
    deep = keras.Model(
        backbone.input, backbone.get_layer("block_13_expand_relu").output
    )
    return deep(layers.Concatenate()([both, average]))


def bspline_of_deep(x):
    x = layers.ZeroPadding2D(2)(x)
    small = keras.initializers.RandomNormal(stddev=1e-5)
    return BSplineField(16)(layers.Conv2D(2, 2, kernel_initializer=small)(x))


train(registration(bspline_of_deep, mobile), "B-spline of MobileNetV2")
