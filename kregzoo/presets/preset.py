"""Preset folders: the weights of a network, with its configuration and provenance.

<preset>/config.json         system, recipe and builder arguments
<preset>/model.weights.h5    weights, float16, gzip
<preset>/preprocessor.json   the canonical frame of `kregzoo.spatial.Preprocessor`
<preset>/metadata.json       sha256 of the files, data, license, training, metrics
<preset>/README.md           the card
"""

import base64
import dataclasses
import difflib
import hashlib
import importlib.resources
import json
import pathlib
import re

import h5py

from kregzoo.presets import hub
from kregzoo.spatial import Preprocessor
from kregzoo.utils.files import as_path, atomic, lowercase_alias

HASHED = ("config.json", "model.weights.h5", "preprocessor.json")
PICTURES = {".gif": "image/gif", ".png": "image/png"}
FILES = (*HASHED, "metadata.json", "README.md", *(f"*{kind}" for kind in PICTURES))


@dataclasses.dataclass(frozen=True)
class Preset:
    """Content of a preset folder.

    Args:
        name: str. Name of the folder.
        folder: `pathlib.Path`.
        config: dict with `system`, `recipe` and `arguments`.
        preprocessor: the `Preprocessor`.
        metadata: dict.
    """

    name: str
    folder: pathlib.Path
    config: dict
    preprocessor: Preprocessor
    metadata: dict

    @property
    def input_shape(self):
        """Input shape of the builder, with None if the frame has several shapes."""
        frame = self.preprocessor
        shape = (None,) * frame.ndim if frame.divisor else frame.shapes[-1]
        return (*shape, 1)

    @classmethod
    def read(cls, folder, name=None):
        """Read a preset folder, and verify its files.

        Args:
            folder: path.
            name: str. Defaults to the name of the folder.

        Returns:
            A `Preset`.

        Raises:
            ValueError: If a file is missing, is not valid JSON, or has another sha256
                than in `metadata.json`.
        """
        folder = pathlib.Path(folder)
        metadata = _read_json(folder / "metadata.json")
        for file in HASHED:
            expected = metadata.get("sha256", {}).get(file)
            found = sha256(folder / file)
            if found != expected:
                raise ValueError(
                    f"{str(folder / file)!r} is not the original file of the preset: "
                    f"its sha256 is {found}, and metadata.json says {expected}. "
                    "Download the preset again."
                )
        frame = _read_json(folder / "preprocessor.json")
        try:
            preprocessor = Preprocessor.from_config(frame)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"The `preprocessor.json` of the preset is invalid: {error}. "
                f"Received: {frame}"
            ) from error
        config = _read_json(folder / "config.json")
        return cls(name or folder.name, folder, config, preprocessor, metadata)

    def fine_tuned(self, folder):
        """Make the preset of the fine-tuned network, without writing it.

        Args:
            folder: path. The last part becomes the name.

        Returns:
            A `Preset` without metrics and features of the training images, because
            those of this preset do not apply.

        Raises:
            ValueError: If `folder` is the folder of this preset.
        """
        folder = as_path(folder).resolve()
        if folder == self.folder.resolve():
            raise ValueError(
                "`directory` must not be the folder of the loaded preset. "
                f"Received: {str(folder)!r}"
            )
        training = {"initial": self.name}
        if scale := self.metadata["training"].get("scale"):
            training["scale"] = scale
        unknown = {"metrics": {}, "features": None}
        metadata = {**self.metadata, "training": training, **unknown}
        return dataclasses.replace(
            self, name=folder.name, folder=folder, metadata=metadata
        )

    def card(self):
        """Read the card, and embed its pictures.

        Returns:
            Markdown, a str.
        """
        text = (self.folder / "README.md").read_text(encoding="utf-8")
        for path in self.pictures():
            data = base64.b64encode(path.read_bytes()).decode("ascii")
            kind = PICTURES[path.suffix]
            text = text.replace(f"]({path.name})", f"](data:{kind};base64,{data})")
        return text

    def pictures(self):
        """List the pictures beside the card.

        Returns:
            Sorted list of `pathlib.Path`.
        """
        return sorted(p for p in self.folder.glob("*") if p.suffix in PICTURES)

    def write(self, model, card=None):
        """Write the folder, starting with the weights of `model`.

        Args:
            model: the Keras model.
            card: str, the text of `README.md`. Defaults to a title, for cards that need
                the other files first and are written later by `write_metadata`.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic(self.folder / "model.weights.h5") as temporary:
            save_weights(model, temporary)
        _write_json(self.folder / "config.json", self.config)
        frame = self.preprocessor.get_config()
        _write_json(self.folder / "preprocessor.json", frame)
        self.write_metadata(card or f"# {self.name}\n")

    def write_metadata(self, card):
        """Write the card, and the metadata with the hashes of the other files.

        Args:
            card: str, the text of `README.md`.
        """
        hashes = {name: sha256(self.folder / name) for name in HASHED}
        _write_json(self.folder / "metadata.json", {**self.metadata, "sha256": hashes})
        with atomic(self.folder / "README.md") as temporary:
            pathlib.Path(temporary).write_text(card, encoding="utf-8")


def installed_presets():
    """List the folders of the presets that come with the package, by name."""
    package = pathlib.Path(str(importlib.resources.files("kregzoo")))
    # A wheel has the folder inside the package, a checkout has it next to the package.
    roots = [package / "zoo_weights", package.parent / "zoo_weights"]
    folders = [path.parent for root in roots for path in root.glob("*/metadata.json")]
    return {folder.name: folder for folder in sorted(folders)}


def find_preset(name):
    """Find a preset by name, by the path of a folder, or on the Hugging Face Hub.

    Args:
        name: str or path. Name of an installed preset, path of a preset folder, or
            `"hf://owner/name"`, which is downloaded from the Hugging Face Hub once.

    Returns:
        A verified `Preset`.

    Raises:
        ValueError: If there is no such preset, or a file is damaged.
        ImportError: If the preset is on the hub and huggingface_hub is not installed.
    """
    if str(name).startswith(hub.SCHEME):
        return Preset.read(hub.fetch(name, FILES), str(name).rpartition("/")[2])
    path = as_path(name)
    if path.is_dir() and (path / "metadata.json").is_file():
        return Preset.read(path.resolve())
    installed = installed_presets()
    if re.fullmatch(r"[a-z0-9_]+", str(name)) and str(name) in installed:
        return Preset.read(installed[str(name)])
    raise ValueError(
        "There is no preset of this name, nor a preset folder at this path. "
        f"{_suggestion(str(name), installed)} Received: {str(name)!r}"
    )


def _suggestion(name, installed):
    words = re.sub(r"[^a-z0-9]+", "_", name.lower())
    nearest = difflib.get_close_matches(words, installed)
    if nearest:
        return f"Did you mean {' or '.join(nearest)}?"
    return f"Installed: {', '.join(installed) or 'none'}."


def presets_for(ndim):
    """List the installed presets for 2-D or 3-D images.

    Args:
        ndim: int, 2 or 3.

    Returns:
        List of names.
    """
    frames = {
        name: Preprocessor.from_config(_read_json(folder / "preprocessor.json"))
        for name, folder in installed_presets().items()
    }
    return [name for name, frame in frames.items() if frame.ndim == ndim]


def fine_tuned_card(preset):
    """Write the card of a preset that was fine-tuned from another preset.

    Args:
        preset: the `Preset`.

    Returns:
        The text of `README.md`.
    """
    data = preset.metadata.get("data", {})
    return DERIVED_CARD.format(
        name=preset.name,
        initial=preset.metadata["training"]["initial"],
        licence=data.get("licence", "not known"),
    )


def read_weights(model, path):
    """Load a weights file into a model.

    Args:
        model: the Keras model.
        path: the `.weights.h5` file.

    Raises:
        ValueError: If the file is damaged or belongs to another network, or is too
            large for the network. The content of a too large file is not read.
    """
    try:
        sizes = []
        with h5py.File(path, "r") as file:
            file.visititems(lambda _, item: sizes.append(getattr(item, "size", 0)))
        # A small file of compressed zeros could fill the memory. Optimizer states are
        # up to twice as large as the model.
        if sum(sizes) > 4 * model.count_params() + 1000:
            raise ValueError(
                f"the file has {sum(sizes)} numbers, and the network has "
                f"{model.count_params()} parameters"
            )
        with lowercase_alias(path) as readable:
            model.load_weights(readable)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"`weights` are damaged or belong to another network: {error}. "
            f"Received: weights={str(path)!r}"
        ) from error


def save_weights(model, path):
    """Save weights in the format of Keras, but as gzip-compressed float16.

    Args:
        model: the Keras model. The optimizer state is not saved.
        path: the `.weights.h5` file, which `model.load_weights` can read.
    """
    model.save_weights(path)
    smaller = pathlib.Path(f"{path}.smaller")
    with h5py.File(path, "r") as source, h5py.File(smaller, "w") as target:
        target.attrs.update(source.attrs)
        source.visititems(lambda name, item: _copy_weights(name, item, target))
    smaller.replace(path)


def sha256(path):
    """Compute the hexadecimal sha256 of a file.

    Args:
        path: path of the file.

    Returns:
        The digest, a str.

    Raises:
        ValueError: If the file does not exist.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError(f"A file of the preset is missing. Received: {str(path)!r}")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _copy_weights(name, item, target):
    if name.startswith("optimizer"):
        return
    if isinstance(item, h5py.Group):
        target.require_group(name).attrs.update(item.attrs)
        return
    array = item[()]
    if item.dtype == "float32":
        array = array.astype("float16")
    options = {"compression": "gzip", "shuffle": True} if item.ndim else {}
    target.create_dataset(name, data=array, **options)


def _read_json(path):
    try:
        # `dict` raises an error if the file is not a JSON object.
        return dict(json.loads(pathlib.Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(
            f"The preset file {str(path)!r} cannot be read: {error}"
        ) from error


def _write_json(path, content):
    with atomic(path) as temporary:
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        pathlib.Path(temporary).write_text(text, encoding="utf-8")


DERIVED_CARD = """\
# {name}

The preset `{initial}`, fine-tuned. The card of that preset describes its images and its
training data. License of that data: {licence}.

The accuracy of the fine-tuned network was not measured.
"""
