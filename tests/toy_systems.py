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
from kregzoo.metrics.registry import Metric
from kregzoo.protocols import Case, Protocol, rows_of
from kregzoo.registrars import (
    Input,
    LoadedNetwork,
    RegistersPair,
    Registrar,
    Registration,
    Task,
)
from kregzoo.registrars.registration import field_transform
from kregzoo.spatial import AffineTransform, CompositeTransform, Image, as_image
from kregzoo.training import (
    ImagePairs,
    Images,
    Recipe,
    RegistrationModel,
    Scale,
    Supervised,
    System,
    Trained,
    load_images,
    read_dataset,
)
from kregzoo.utils.files import atomic_folder

SIZE = 16
IMAGES = Images("phantom", "phantom", "blobs")


def make_scale(shape=(SIZE, SIZE), steps=4):
    return Scale(
        spacing=4.0, shapes=(shape,), steps=steps, learning_rate=1e-3, divisor=None
    )


def make_system(
    name,
    builder,
    predicts,
    data,
    trainer,
    task=None,
    shape=(SIZE, SIZE),
    protocols=(),
):
    recipe = Recipe(data, trainer, {"cpu": make_scale(shape)}, images=IMAGES)
    return System(
        name=name,
        builder=builder,
        chapter="6",
        reference="Nobody [0]",
        predicts=predicts,
        recipes={"phantoms": recipe},
        task=task or RegistersPair(),
        protocols=protocols,
    )


@dataclasses.dataclass(frozen=True)
class KnownCase(Case):
    """Images and a function that measures an answer."""

    name: str
    images: tuple
    judge: object

    def run(self, method, folder):
        return method.run(*self.images, folder)

    def measure(self, answer):
        return rows_of({METRIC.name: self.judge(answer)})


METRIC = Metric(
    "toy_gap",
    "gap",
    "Distance from what is right.",
    better="lower",
    digits=2,
    priority=3,
    interval=True,
)


def make_protocol(name, verb, make_cases):
    return Protocol(name, make_cases, f"as {name}", verb=verb)


def eval_images(data):
    records = read_dataset(data)["eval"]
    return [(record["moving"], record["fixed"]) for record in records]


def pair_of(shape):
    return {name: keras.Input(shape, name=name) for name in ("moving", "fixed")}


def convolved(inputs, channels, name, **options):
    x = layers.Concatenate()(list(inputs))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    return layers.Conv2D(channels, 3, padding="same", name=name, **options)(x)


# An error predictor.


class Shifted(keras.utils.PyDataset):
    """Pairs of an image and the same image shifted by a random number of voxels."""

    batch_size = 2
    epoch = 0

    def __init__(self, arrays, grid, make_item):
        super().__init__()
        self.arrays, self.grid, self.make_item = arrays, grid, make_item
        self.steps_per_epoch = 2

    def __len__(self):
        return self.steps_per_epoch

    def __getitem__(self, index):
        rng = np.random.default_rng((self.epoch, index))
        drawn = self.arrays[rng.integers(len(self.arrays), size=self.batch_size)]
        shifts = rng.integers(-3, 4, self.batch_size)
        moved = [np.roll(a, s, axis=0) for a, s in zip(drawn, shifts, strict=True)]
        return self.make_item(np.stack(moved), drawn, shifts)

    def on_epoch_end(self):
        self.epoch += 1


@dataclasses.dataclass(frozen=True)
class ShiftedImages:
    """Data strategy of `Shifted`."""

    make_item: object

    def build(self, records, frame, scale, seed=0, folder=None):
        images, _, _ = load_images(records, frame)
        grid = frame.canonical_grid(images[0])
        arrays = np.stack([image.resample(grid).array for image in images])[..., None]
        return tuple(Shifted(arrays, grid, self.make_item) for _ in range(2))


def error_item(moved, fixed, shifts):
    error = np.broadcast_to(np.abs(shifts)[:, None, None, None], fixed.shape)
    return {"moving": moved, "fixed": fixed}, {"error": error.astype("float32")}


def build_error_predictor(input_shape):
    inputs = pair_of(input_shape)
    error = convolved(inputs.values(), 1, "error", activation="softplus")
    return RegistrationModel(inputs=inputs, outputs={"error": error})


class Errors:
    """Map of predicted errors, in mm."""

    def __init__(self, image):
        self.image = image

    def save(self, directory):
        with atomic_folder(directory) as folder:
            self.image.write(folder / "error.nii.gz")
        return [pathlib.Path(directory) / "error.nii.gz"]


class ErrorPredictor(LoadedNetwork):
    def predict_error(self, moving, fixed):
        images = [as_image(x, "image") for x in (moving, fixed)]
        normalized = [self.preprocessor.normalize(image) for image in images]
        grid = self.preprocessor.canonical_grid(normalized[1])
        arrays = [i.resample(grid).array[None, ..., None] for i in normalized]
        inputs = dict(zip(("moving", "fixed"), arrays, strict=True))
        error = self.model.predict_on_batch(inputs)["error"][0, ..., 0]
        return Errors(dataclasses.replace(images[1], array=error, grid=grid))


class PredictsError(Task):
    verb = "predict_error"
    inputs = Input("moving", "registered image"), Input("fixed", "fixed image")
    summary = "predicts the error of a registration"

    def make(self, model, preset, recipe):
        return ErrorPredictor.from_preset(model, preset, recipe)


def error_cases(data, folder, count=None):
    def mean(errors):
        return errors.image.array.mean()

    return [
        KnownCase(moving.name, (moving, fixed), mean)
        for moving, fixed in eval_images(data)[:count]
    ]


# A groupwise registrar.


def build_dense(input_shape):
    inputs = pair_of(input_shape)
    field = convolved(inputs.values(), 2, "field", kernel_initializer="zeros")
    warped = SpatialTransformer()([inputs["moving"], field])
    outputs = {"displacement": field, "warped": warped}
    return RegistrationModel(inputs=inputs, outputs=outputs)


class Group:
    """Images of a group in their common frame."""

    def __init__(self, images):
        self.images = images

    def save(self, directory):
        names = [f"warped_{number}.nii.gz" for number in range(len(self.images))]
        with atomic_folder(directory) as folder:
            for name, image in zip(names, self.images, strict=True):
                image.write(folder / name)
        return [pathlib.Path(directory) / name for name in names]


class GroupRegistrar(LoadedNetwork):
    def register_group(self, images):
        images = [self.preprocessor.normalize(as_image(i, "image")) for i in images]
        grid = self.preprocessor.canonical_grid(images[0])
        on_grid = np.stack([i.resample(grid).array for i in images])[..., None]
        mean = np.broadcast_to(on_grid.mean(axis=0), on_grid.shape)
        fields = self.model.predict_on_batch({"moving": on_grid, "fixed": mean})
        transforms = [field_transform(f[None], grid) for f in fields["displacement"]]
        warped = [
            transform.apply(image, grid)
            for image, transform in zip(images, transforms, strict=True)
        ]
        return Group(warped)


class RegistersGroup(Task):
    verb = "register_group"
    inputs = (Input("images", "images of the group", many=True),)
    summary = "registers a group to a common frame"

    def make(self, model, preset, recipe):
        return GroupRegistrar.from_preset(model, preset, recipe)


def group_cases(data, folder, count=None):
    def spread(group):
        return np.std([image.array for image in group.images], axis=0).mean()

    images = [path for pair in eval_images(data) for path in pair]
    return [KnownCase("all images", (images,), spread)]


# A volume-to-projection registrar.


def projection_item(moved, fixed, shifts):
    inputs = {"volume": moved, "projection": fixed.mean(axis=2)}
    return inputs, {"shift": shifts[:, None].astype("float32")}


def build_projection_network(input_shape):
    volume = keras.Input(input_shape, name="volume")
    projection = keras.Input((input_shape[0], *input_shape[2:]), name="projection")
    own = kops.mean(volume, axis=2)
    x = layers.Flatten()(convolved([own, projection], 1, "features"))
    shift = layers.Dense(1, name="shift")(x)
    inputs = {"volume": volume, "projection": projection}
    return RegistrationModel(inputs=inputs, outputs={"shift": shift})


class Pose:
    """Pose of a volume."""

    def __init__(self, transform):
        self.transform = transform

    def save(self, directory):
        with atomic_folder(directory) as folder:
            self.transform.save(folder / "pose.tfm")
        return [pathlib.Path(directory) / "pose.tfm"]


class ProjectionRegistrar(LoadedNetwork):
    def register_to_projections(self, volume, projection):
        volume = self.preprocessor.normalize(as_image(volume, "volume"))
        grid = self.preprocessor.canonical_grid(volume)
        projection = as_image(projection, "projection").array
        inputs = {
            "volume": volume.resample(grid).array[None, ..., None],
            "projection": projection[None, ..., None],
        }
        matrix = np.eye(grid.ndim + 1)
        shift = self.model.predict_on_batch(inputs)["shift"][0, 0]
        matrix[0, -1] = shift * self.preprocessor.spacing
        return Pose(AffineTransform(matrix))


class RegistersToProjections(Task):
    verb = "register_to_projections"
    inputs = Input("volume", "volume"), Input("projection", "projection of it")
    summary = "registers a volume to projections"

    def make(self, model, preset, recipe):
        return ProjectionRegistrar.from_preset(model, preset, recipe)


def projection_cases(data, folder, count=None):
    cases = []
    for volume, _ in eval_images(data)[:count]:
        image = Image.read(volume)
        flat = Image.from_array(image.array.mean(axis=1)[:SIZE, :SIZE], spacing=4.0)
        path = pathlib.Path(folder) / f"projection of {volume.name}"
        flat.write(path)
        cases.append(
            KnownCase(
                volume.name,
                (volume, path),
                lambda answer: np.abs(answer.transform.matrix[0, -1]),
            )
        )
    return cases


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

    def _register(self, moving, fixed, pair, refine, progress, timer):
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
