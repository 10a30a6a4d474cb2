"""Six systems of kinds that the library does not have, defined without changing it.

An error predictor, a groupwise registrar, a volume-to-projection registrar, a patchwise
network, a network with two discriminators, and one that is not trained by gradients.
"""

import dataclasses
import json
import pathlib

import keras
import numpy as np
from keras import layers
from keras import ops as kops

from kregzoo import ops
from kregzoo.layers import AffineTransformer, SpatialTransformer
from kregzoo.losses import MSE, NCC
from kregzoo.registrars import (
    RegistersPair,
    Registrar,
    Registration,
)
from kregzoo.registrars.registration import field_transform
from kregzoo.spatial import CompositeTransform
from kregzoo.training import (
    ImagePairs,
    RegistrationModel,
    Supervised,
    Trained,
)
from tests.toy_parts import (
    SIZE,
    ShiftedImages,
    convolved,
    make_protocol,
    make_system,
    pair_of,
)
from tests.toy_tasks import (
    PredictsError,
    RegistersGroup,
    RegistersToProjections,
    build_dense,
    build_error_predictor,
    build_projection_network,
    error_cases,
    error_item,
    group_cases,
    projection_cases,
    projection_item,
)

# A patchwise network.

PATCH = 8


def patch_item(moved, fixed, shifts):
    inputs = {"moving": moved[:, :PATCH, :PATCH], "fixed": fixed[:, :PATCH, :PATCH]}
    return inputs, {"shift": shifts[:, None].astype("float32")}


def build_patch_network(input_shape):
    inputs = pair_of((PATCH,) * (len(input_shape) - 1) + (1,))
    x = layers.Flatten()(convolved(inputs.values(), 2, "features"))
    shift = layers.Dense(1, name="shift")(x)
    return RegistrationModel(inputs=inputs, outputs={"shift": shift})


class PatchRegistrar(Registrar):
    """Predicts a displacement for each patch."""

    def _register(self, moving, fixed, pair, work, timer):
        tensors = pair.tensors()
        cut = {name: self._patches(tensors[name]) for name in ("moving", "fixed")}
        shifts = self.model.predict_on_batch(cut)["shift"]
        counts = [n // PATCH for n in pair.grid.shape]
        field = np.zeros((1, *counts, 2), "float32")
        field[0, ..., 0] = shifts.reshape(counts)
        field = np.array(ops.resize_field(field, pair.grid.shape))
        timer.lap("network")
        transform = CompositeTransform(
            [field_transform(field, pair.grid), pair.initial]
        )
        return Registration(moving, fixed, transform, timer.seconds())

    def _patches(self, tensor):
        rows, columns = (n // PATCH for n in tensor.shape[1:-1])
        array = np.array(tensor)[0].reshape(rows, PATCH, columns, PATCH, 1)
        return array.swapaxes(1, 2).reshape(-1, PATCH, PATCH, 1)


# A network with two discriminators.


def build_judged(input_shape):
    inputs = pair_of(input_shape)
    field = convolved(inputs.values(), 2, "field")
    outputs = {
        "displacement": field,
        "warped": SpatialTransformer()([inputs["moving"], field]),
    }
    for name in ("warped", "displacement"):
        image = keras.Input(outputs[name].shape[1:])
        logit = layers.Dense(1)(layers.GlobalAveragePooling2D()(image))
        judge = keras.Model(image, logit, name=f"judge_of_{name}")
        outputs[f"quality_of_{name}"] = judge(outputs[name])
    return RegistrationModel(inputs=inputs, outputs=outputs)


@dataclasses.dataclass(frozen=True)
class TwoDiscriminators:
    """Trainer of one network against two discriminators."""

    def fit(self, build, sets, scale, folder):
        model, (training_set, _) = build(), sets
        judges = [layer for layer in model.layers if layer.name.startswith("judge")]
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        for judge in judges:
            judge.compile(keras.optimizers.Adam(scale.learning_rate), loss)
            judge.trainable = False
        names = [f"quality_of_{j.name.removeprefix('judge_of_')}" for j in judges]
        model.compile(
            keras.optimizers.Adam(scale.learning_rate), dict.fromkeys(names, loss)
        )
        history = []
        for step in range(scale.steps):
            (images,) = training_set[step]
            outputs = model.predict_on_batch(images)
            real = {
                "warped": images["fixed"],
                "displacement": 0 * outputs["displacement"],
            }
            logs = {}
            for judge in judges:
                kind = judge.name.removeprefix("judge_of_")
                both = np.concatenate([real[kind], outputs[kind]])
                targets = np.repeat([[1.0], [0.0]], len(both) // 2, axis=0)
                judge.trainable = True
                logs[judge.name] = float(judge.train_on_batch(both, targets))
                judge.trainable = False
            aims = {name: np.ones_like(outputs[name]) for name in names}
            values = model.train_on_batch(images, aims, return_dict=True)
            logs["loss"] = float(values["loss"])
            history.append({"epoch": step, "seconds": 0.0, **logs})
        path = pathlib.Path(folder) / "history.json"
        path.write_text(json.dumps(history), encoding="utf-8")
        return Trained(model, {}, 1.0)


# A network that is solved in closed form.


def build_shift_network(input_shape):
    inputs = pair_of(input_shape)
    gap = layers.Subtract()([inputs["moving"], inputs["fixed"]])
    gap = layers.Flatten()(gap)
    shift = layers.Dense(1, use_bias=False, kernel_initializer="zeros", name="shift")
    affine = AffineOfShift(name="affine")(shift(gap))
    warped = AffineTransformer()([inputs["moving"], affine])
    outputs = {"affine": affine, "warped": warped}
    return RegistrationModel(inputs=inputs, outputs=outputs)


@keras.saving.register_keras_serializable(package="toy")
class AffineOfShift(layers.Layer):
    """Affine `(B, 2, 3)` that shifts along the first axis."""

    def call(self, shift):
        affine = kops.repeat(kops.eye(2, 3)[None], kops.shape(shift)[0], axis=0)
        last = kops.stack([shift[:, 0], 0 * shift[:, 0]], axis=1)
        return affine + kops.pad(last[..., None], ((0, 0), (0, 0), (2, 0)))


def shift_item(moved, fixed, shifts):
    return {"moving": moved, "fixed": fixed}, {"shift": shifts}


@dataclasses.dataclass(frozen=True)
class LeastSquares:
    """Trainer that solves for the weights in closed form."""

    ridge: float = 1e-3

    def fit(self, build, sets, scale, folder):
        model, (training_set, _) = build(), sets
        items = [training_set[index] for index in range(200)]
        gaps = np.concatenate([x["moving"] - x["fixed"] for x, _ in items])
        gaps = gaps.reshape(len(gaps), -1).astype("float64")
        shifts = np.concatenate([y["shift"] for _, y in items])
        normal = gaps.T @ gaps + self.ridge * np.eye(gaps.shape[1])
        kernel = np.linalg.solve(normal, gaps.T @ shifts)[:, None]
        model.get_layer("shift").set_weights([kernel.astype("float32")])
        return Trained(model, {}, 1.0)


class ShiftedPairs(ShiftedImages):
    """Shifted images whose registrar starts from the images as they are."""

    alignment = "none"


PAIRS = ImagePairs(alignment="none", held_out=2)
SYSTEMS = (
    make_system(
        "toy_error",
        build_error_predictor,
        "error",
        ShiftedImages(error_item),
        Supervised({"error": MSE()}),
        PredictsError(),
        protocols=(make_protocol("toy_errors", PredictsError.verb, error_cases),),
    ),
    make_system(
        "toy_group",
        build_dense,
        "displacements",
        PAIRS,
        Supervised({"warped": NCC()}),
        RegistersGroup(),
        protocols=(make_protocol("toy_groups", RegistersGroup.verb, group_cases),),
    ),
    make_system(
        "toy_projection",
        build_projection_network,
        "shift",
        ShiftedImages(projection_item),
        Supervised({"shift": MSE()}),
        RegistersToProjections(),
        shape=(SIZE, SIZE, SIZE),
        protocols=(
            make_protocol(
                "toy_projections", RegistersToProjections.verb, projection_cases
            ),
        ),
    ),
    make_system(
        "toy_patches",
        build_patch_network,
        "displacement, patch by patch",
        ShiftedImages(patch_item),
        Supervised({"shift": MSE()}),
        RegistersPair(PatchRegistrar),
    ),
    make_system("toy_judged", build_judged, "displacement", PAIRS, TwoDiscriminators()),
    make_system(
        "toy_solved",
        build_shift_network,
        "affine",
        ShiftedPairs(shift_item),
        LeastSquares(),
    ),
)
