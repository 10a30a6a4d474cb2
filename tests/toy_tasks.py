"""Three tasks that the library does not have.

An error predictor, a groupwise registrar and a volume-to-projection registrar.
"""

import dataclasses
import pathlib

import keras
import numpy as np
from keras import layers
from keras import ops as kops

from kregzoo.layers import SpatialTransformer
from kregzoo.registrars import (
    Input,
    LoadedNetwork,
    Task,
)
from kregzoo.registrars.registration import field_transform
from kregzoo.spatial import AffineTransform, Image, as_image
from kregzoo.training import (
    RegistrationModel,
)
from kregzoo.utils.files import atomic_folder
from tests.toy_parts import (
    SIZE,
    KnownCase,
    convolved,
    eval_images,
    pair_of,
)

# An error predictor.


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
