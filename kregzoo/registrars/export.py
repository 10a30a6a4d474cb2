"""Networks in formats that run without Keras: SavedModel, ONNX, LiteRT."""

import importlib.metadata
import json
import re

import keras

from kregzoo import ops
from kregzoo.utils.extras import import_extra
from kregzoo.utils.files import as_path, atomic_folder

FILES = {
    "tf_saved_model": "saved_model",
    "onnx": "network.onnx",
    "litert": "network.tflite",
}
INTERFACE = "interface.json"


def export(model, preprocessor, directory, format, shape=None):
    """Write a network, its warp inside, and what it takes and gives.

    Args:
        model: the Keras model.
        preprocessor: the `Preprocessor` that makes its input.
        directory: path of the folder, which must be new or empty.
        format: str, `"tf_saved_model"`, `"onnx"` or `"litert"`.
        shape: tuple of the images' spatial sizes, for a network that takes any; by
            default the largest that the preprocessor makes.

    Returns:
        `pathlib.Path` of the network: `saved_model`, `network.onnx` or
        `network.tflite`.

    Raises:
        ValueError: on another backend than TensorFlow, for an unknown `format`, a
            `shape` that does not suit, or a folder that holds something.
        ImportError: without what a format needs (`pip install "kregzoo[export]"`).
    """
    directory = as_path(directory)
    _check(directory, format)
    fixed = _of_fixed_shape(model, _shape(model, preprocessor, shape))
    signature = {
        name: keras.InputSpec(x.dtype, x.shape, name=name)
        for name, x in fixed.input.items()
    }
    with atomic_folder(directory) as folder:
        path = folder / FILES[format]
        with ops.portable():
            fixed.export(
                str(path), format=format, verbose=False, input_signature=[signature]
            )
        if format in VERIFY:
            VERIFY[format](path)
        interface = {
            "kregzoo": importlib.metadata.version("kregzoo"),
            "inputs": {name: list(x.shape) for name, x in fixed.input.items()},
            "outputs": {name: list(x.shape) for name, x in fixed.output.items()},
            "preprocessor": preprocessor.get_config(),
        }
        text = json.dumps(interface, indent=2) + "\n"
        (folder / INTERFACE).write_text(text, encoding="utf-8")
    return directory / FILES[format]


def _check(directory, format):
    if format not in FILES:
        raise ValueError(
            f"`format` must be one of {', '.join(FILES)}. Received: {format!r}"
        )
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "Networks are exported from TensorFlow; load the preset with "
            f"KERAS_BACKEND=tensorflow. Received: {keras.backend.backend()}"
        )
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ValueError(
            f"`directory` must be new or empty. Received: {str(directory)!r}"
        )
    if format == "onnx":
        for module in ("onnx", "tf2onnx"):
            import_extra(module, "ONNX", "export")


def _shape(model, preprocessor, shape):
    """The spatial sizes to fix, checked."""
    image = next(iter(model.input.values()))
    known = tuple(image.shape[1:-1])
    if shape is None:
        largest = max(preprocessor.shapes or ((),), key=lambda s: (len(s), *s))
        shape = largest if None in known else known
    shape = tuple(shape)
    suits = len(shape) == len(known) and all(
        size in (None, given) for size, given in zip(known, shape, strict=True)
    )
    if not suits:
        raise ValueError(
            f"`shape` must be {len(known)} sizes that suit the network's input "
            f"{known}. Received: {shape or None}"
        )
    return shape


def _of_fixed_shape(model, shape):
    """The same network for one pair of images of one shape."""
    fixed = type(model).from_config(_with_shape(model.get_config(), shape))
    fixed.set_weights(model.get_weights())
    return fixed


def _with_shape(config, shape):
    """A configuration whose open input layers, of networks within too, have it."""
    if isinstance(config, (list, tuple)):
        return [_with_shape(part, shape) for part in config]
    if not isinstance(config, dict):
        return config
    config = {name: _with_shape(part, shape) for name, part in config.items()}
    if config.get("class_name") == "InputLayer":
        _, *known, channels = config["config"]["batch_shape"]
        spatial = shape if None in known else known
        config["config"]["batch_shape"] = [1, *spatial, channels]
    return config


def _verify_onnx(path):
    """The converter says in a log alone that it left out what it does not know."""
    import onnx

    onnx.checker.check_model(str(path), full_check=True)


def _verify_litert(path):
    """The converter calls TensorFlow, which no interpreter has, for what is missing."""
    missing = {name.decode() for name in re.findall(rb"Flex(\w+)", path.read_bytes())}
    if missing:
        raise ValueError(
            '`format` must be "onnx" or "tf_saved_model" for this network, since '
            f"LiteRT has no {', '.join(sorted(missing))}. Received: 'litert'"
        )


VERIFY = {"onnx": _verify_onnx, "litert": _verify_litert}
