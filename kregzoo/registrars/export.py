"""Export networks to formats that run without Keras: SavedModel, ONNX, LiteRT."""

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
    """Export a network, including the warp, and the description of its interface.

    Args:
        model: the Keras model.
        preprocessor: the `Preprocessor` that makes the input.
        directory: path of the folder, which must be new or empty.
        format: str, `"tf_saved_model"`, `"onnx"` or `"litert"`.
        shape: tuple of the spatial sizes of the images, for networks of any input size.
            Defaults to the largest shape of the preprocessor.

    Returns:
        `pathlib.Path` of the network: `saved_model`, `network.onnx` or
        `network.tflite`.

    Raises:
        ValueError: If the backend is not TensorFlow, `format` is unknown, `shape` does
            not suit the network, the folder is not empty, or LiteRT lacks an operation
            of the network.
        ImportError: If a package that the format needs is not installed
            (`pip install "kregzoo[export]"`).
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
            "Export needs the TensorFlow backend: load the preset with "
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
    """Choose and check the spatial sizes of the exported network."""
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
    """Rebuild a network for one pair of images of a fixed shape."""
    fixed = type(model).from_config(_with_shape(model.get_config(), shape))
    fixed.set_weights(model.get_weights())
    return fixed


def _with_shape(config, shape):
    """Set the shape of all input layers in a configuration, nested ones included."""
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
    """Check an ONNX file, because the converter only logs operations it leaves out."""
    import onnx

    onnx.checker.check_model(str(path), full_check=True)


def _verify_litert(path):
    """Raise if a LiteRT file calls TensorFlow operations, which interpreters lack."""
    missing = {name.decode() for name in re.findall(rb"Flex(\w+)", path.read_bytes())}
    if missing:
        raise ValueError(
            '`format` must be "onnx" or "tf_saved_model" for this network, because '
            f"LiteRT lacks {', '.join(sorted(missing))}. Received: 'litert'"
        )


VERIFY = {"onnx": _verify_onnx, "litert": _verify_litert}
