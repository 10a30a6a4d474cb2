"""Preset folders: a network's weights, and all that is needed to use and trust them.

<preset>/config.json         system, recipe and the builder's arguments
<preset>/model.weights.h5    weights, float16, gzip
<preset>/preprocessor.json   the canonical frame of `kregzoo.spatial.Preprocessor`
<preset>/metadata.json       sha256 of the files, data, licence, training, figures
<preset>/README.md           the card
"""

import dataclasses
import hashlib
import importlib.resources
import json
import pathlib
import re

import h5py

from kregzoo.spatial import Preprocessor
from kregzoo.spatial.files import atomic

HASHED = ("config.json", "model.weights.h5", "preprocessor.json")


@dataclasses.dataclass(frozen=True)
class Preset:
    """A preset folder that was found and read.

    Args:
        name: str, the folder's name.
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

    @classmethod
    def read(cls, folder):
        """Read a preset folder and verify its files.

        Args:
            folder: path.

        Returns:
            A `Preset`.

        Raises:
            ValueError: when a file is missing, is no valid JSON, or its sha256 is not
                the one in `metadata.json`.
        """
        folder = pathlib.Path(folder)
        metadata = _read_json(folder / "metadata.json")
        for name in HASHED:
            expected = metadata.get("sha256", {}).get(name)
            found = sha256(folder / name)
            if found != expected:
                raise ValueError(
                    f"{str(folder / name)!r} is not the file that the preset was made "
                    f"with: its sha256 is {found}, and metadata.json says {expected}. "
                    "Fetch the preset again."
                )
        return cls(
            name=folder.name,
            folder=folder,
            config=_read_json(folder / "config.json"),
            preprocessor=Preprocessor.from_config(
                _read_json(folder / "preprocessor.json")
            ),
            metadata=metadata,
        )

    def write(self, model, card):
        """Write the folder, weights of `model` included.

        Args:
            model: the Keras model.
            card: str, the text of `README.md`.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic(self.folder / "model.weights.h5") as temporary:
            save_weights(model, temporary)
        _write_json(self.folder / "config.json", self.config)
        frame = self.preprocessor.get_config()
        _write_json(self.folder / "preprocessor.json", frame)
        self.describe(card)

    def describe(self, card):
        """Write metadata, with the hashes of the other files, and card.

        Args:
            card: str, the text of `README.md`.
        """
        hashes = {name: sha256(self.folder / name) for name in HASHED}
        _write_json(self.folder / "metadata.json", {**self.metadata, "sha256": hashes})
        with atomic(self.folder / "README.md") as temporary:
            pathlib.Path(temporary).write_text(card, encoding="utf-8")


def installed_presets():
    """Folders of the presets that come with the package, by name."""
    package = pathlib.Path(str(importlib.resources.files("kregzoo")))
    # A wheel holds them inside the package, a checkout beside it.
    roots = [package / "zoo_weights", package.parent / "zoo_weights"]
    folders = [path.parent for root in roots for path in root.glob("*/metadata.json")]
    return {folder.name: folder for folder in sorted(folders)}


def find_preset(name):
    """Find a preset by its name, or by the path of its folder.

    Args:
        name: str or path. A name never leaves the folder of the installed presets.

    Returns:
        A `Preset`, verified.

    Raises:
        ValueError: when there is none, or its files are damaged.
    """
    path = pathlib.Path(name)
    if path.is_dir() and (path / "metadata.json").is_file():
        return Preset.read(path.resolve())
    installed = installed_presets()
    if re.fullmatch(r"[a-z0-9_]+", str(name)) and str(name) in installed:
        return Preset.read(installed[str(name)])
    raise ValueError(
        f"There is no preset of this name, nor a preset folder at this path. "
        f"Installed: {', '.join(installed) or 'none'}. Received: {str(name)!r}"
    )


def load_weights(model, weights, system, arguments):
    """Load into a freshly built model what a builder's `weights` argument names.

    Args:
        model: the Keras model.
        weights: None, the tag of a preset's data, or the path of a `.weights.h5` file.
        system: str. The builder's system: a tag names the preset `<system>_<tag>`.
        arguments: dict of the builder's arguments, which must be the preset's.

    Raises:
        ValueError: for an unknown tag, a damaged file, or weights of another
            architecture.
    """
    if weights is None:
        return
    if str(weights).endswith(".weights.h5") and pathlib.Path(weights).is_file():
        _load_file(model, weights)
        return
    preset = find_preset(f"{system}_{weights}")
    trained = {**arguments, **preset.config["arguments"]}
    if trained != arguments:
        raise ValueError(
            f"The weights {weights!r} are of a network built with {trained}. "
            f"Received: {arguments}"
        )
    # A model without its head has fewer layers, whose names tell which weights to take.
    _load_file(model, preset.folder / "model.weights.h5")


def _load_file(model, path):
    try:
        model.load_weights(path)
    except OSError as error:
        raise ValueError(
            f"`weights` are damaged: {error}. Received: weights={str(path)!r}"
        ) from error


def save_weights(model, path):
    """Save weights as Keras does, but as float16, gzip-compressed, and them alone.

    Args:
        model: the Keras model. A compiled one's optimiser is left out.
        path: the `.weights.h5` file, which `model.load_weights` reads.
    """
    model.save_weights(path)
    smaller = pathlib.Path(f"{path}.smaller")
    with h5py.File(path, "r") as source, h5py.File(smaller, "w") as target:
        target.attrs.update(source.attrs)
        source.visititems(lambda name, item: _copy_weights(name, item, target))
    smaller.replace(path)


def sha256(path):
    """Hexadecimal sha256 of a file.

    Raises:
        ValueError: when there is no such file.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError(f"The preset lacks a file. Received: {str(path)!r}")
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
        # A dict of whatever the file holds, which must be a JSON object.
        return dict(json.loads(pathlib.Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(
            f"The preset's file {str(path)!r} cannot be read: {error}"
        ) from error


def _write_json(path, content):
    with atomic(path) as temporary:
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        pathlib.Path(temporary).write_text(text, encoding="utf-8")
