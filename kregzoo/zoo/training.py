"""Train the network of a system by a recipe, and write a preset folder."""

import dataclasses
import datetime
import importlib.util
import json
import pathlib

import keras

from kregzoo import ops
from kregzoo.presets.preset import Preset, find_preset, sha256
from kregzoo.report import training_curves
from kregzoo.spatial import Preprocessor
from kregzoo.training import read_dataset, transfer_weights
from kregzoo.utils.files import atomic
from kregzoo.utils.provenance import commit, machine
from kregzoo.zoo.cards import card
from kregzoo.zoo.loading import load
from kregzoo.zoo.systems import find_recipe, find_system, recipe_of
from kregzoo.zoo.training_images import training_features

# Records which run the folder belongs to.
RUN = "run.json"
# Version of `metadata.json`. Readers of another version must reject or convert it.
SCHEMA_VERSION = 2


@dataclasses.dataclass(frozen=True)
class _Run:
    """Training run: the system, the recipe and the scale."""

    system: object
    tag: str
    recipe: object
    scale_name: str
    scale: object
    seed: int

    def describe(self, data):
        """Describe the run as JSON, to recognize its folder."""
        return {
            "system": self.system.name,
            "recipe": self.tag,
            "data": sha256(pathlib.Path(data) / "dataset.json"),
            "scale": self.scale_name,
            "steps": self.scale.steps,
            "seed": self.seed,
            "initial": self.recipe.initial and str(self.recipe.initial),
        }

    def frame(self):
        """Make the `Preprocessor` of the network."""
        return Preprocessor(self.scale.spacing, self.scale.shapes, self.scale.divisor)


def train(
    system, data, out, scale="cpu", steps=None, seed=0, recipe=None, initial=None
):
    """Train the network of a system by a recipe, and write a preset folder.

    If `out` holds the same training, it continues where it stopped, or up to more
    steps.

    Args:
        system: str. Name of the system.
        data: folder with a `dataset.json`, see `kregzoo.training.dataset`.
        out: folder of the preset, for `kregzoo.load(out)`. The subfolder `training`
            stores checkpoints, history and TensorBoard logs.
        scale: str. Scale of the recipe: `"cpu"` or `"published"`.
        steps: int > 0. Optimizer steps. Defaults to the steps of the scale.
        seed: int. Seed of the initial weights and of the pairs drawn.
        recipe: str. Name of the recipe. Defaults to the name of the data folder if the
            system has such a recipe, otherwise to the first recipe.
        initial: str. Preset whose weights initialize the layers of the same name and
            shapes. Defaults to the preset that the recipe names.

    Returns:
        The `Preset` written.

    Raises:
        ValueError: If the system, scale, recipe or preset is unknown, `steps` is below
            1, the data are unusable, or `out` holds the training of another run.
    """
    run = _plan(system, data, scale, steps, seed, recipe, initial)
    dataset = read_dataset(data)
    out = pathlib.Path(out)
    folder = out / "training"
    description = run.describe(data)
    _check_run(folder / RUN, description)
    frame = run.frame()
    sets = run.recipe.data.build(
        dataset.get("train", []), frame, run.scale, seed, folder
    )
    folder.mkdir(parents=True, exist_ok=True)
    with atomic(folder / RUN) as temporary:
        temporary.write_text(json.dumps(description, indent=1), encoding="utf-8")
    trained = run.recipe.trainer.fit(_builder(run, sets[0]), sets, run.scale, folder)
    arguments = {**run.scale.model, **trained.changes}
    preset = Preset(
        name=out.name,
        folder=out,
        config={"system": run.system.name, "recipe": run.tag, "arguments": arguments},
        preprocessor=frame,
        metadata=_metadata(run, dataset, data, trained),
    )
    # Write the weights first, so that an error in the curves or the card keeps them.
    preset.write(trained.model)
    draw_curves(folder, preset.folder)
    preset.write_metadata(card(preset))
    return preset


def _plan(system, data, scale, steps, seed, recipe, initial):
    """Check the arguments of `train` before anything is read."""
    if steps is not None and steps < 1:
        raise ValueError(f"`steps` must be at least 1. Received: steps={steps}")
    system = find_system(system)
    tag, recipe = find_recipe(system, data, recipe)
    recipe = recipe.at(scale)
    recipe = dataclasses.replace(recipe, initial=initial or recipe.initial)
    if recipe.initial:
        find_preset(recipe.initial)
    size = recipe.scales[scale]
    if steps is not None:
        size = dataclasses.replace(size, steps=steps)
    return _Run(system, tag, recipe, scale, size, seed)


def _builder(run, training_set):
    """Make the callable that builds the network with its initial weights."""
    initial = run.recipe.initial

    def build(**changes):
        arguments = {**run.scale.model, **changes}
        # Here, so that a resumed run builds later stages with the same weights.
        keras.utils.set_random_seed(run.seed)
        model = run.system.builder((*training_set.grid.shape, 1), **arguments)
        if initial and not transfer_weights(load(initial).model, model):
            raise ValueError(
                "`initial` must be a preset that shares layers with the network. "
                f"Received: initial={initial!r}"
            )
        return model

    return build


def _check_run(path, run):
    """Raise if a folder holds the training of another run."""
    if not path.exists():
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    other = [name for name in run if run[name] != before.get(name)]
    # A run may be continued to more steps, but not shortened.
    if other == ["steps"] and run["steps"] > before["steps"]:
        return
    if other:
        there, now = (
            ", ".join(f"{k}={r.get(k)}" for k in other) for r in (before, run)
        )
        raise ValueError(
            "`out` holds the training of another run: choose another folder, or delete "
            f"this one. Received: {now}; the folder has {there}"
        )


def draw_curves(directory, folder):
    """Draw the history of a training to `training.png`, if matplotlib is installed.

    Args:
        directory: folder of the training, with a subfolder per stage.
        folder: folder of the preset, whose card shows the figure.
    """
    paths = sorted(pathlib.Path(directory).glob("**/history.json"))
    if not paths or importlib.util.find_spec("matplotlib") is None:
        return
    figure = training_curves(
        [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    )
    with atomic(pathlib.Path(folder) / "training.png") as temporary:
        figure.savefig(temporary, dpi=60)


def training_pairs(registrar, data, batch_size=1, seed=0):
    """Build datasets of your own scans for `registrar.model.fit`.

    The recipe of the registrar reads, normalizes, aligns and augments the images, and
    returns labels if the network is trained with labels.

    Args:
        registrar: a registrar that `kregzoo.load` returned.
        data: folder with a `dataset.json`, see `kregzoo.training.dataset`.
        batch_size: int. Pairs per step.
        seed: int. Seed of the random draws.

    Returns:
        Two `PairDataset`: one for training, from the `train` records, and one for
        validation, from the last few `train` records, which are held out.

    Raises:
        ValueError: If the registrar has no preset, or the data are unusable.

    Example:
        ```python
        registrar = kregzoo.load("voxelmorph_brain_t1")
        pairs, held_out = zoo.training_pairs(registrar, "my_scans")
        registrar.model.compile("adam", loss={"warped": "mse"})
        registrar.model.fit(pairs, validation_data=held_out, epochs=5)
        ```
    """
    if registrar.preset is None:
        raise ValueError(
            "`registrar` must come from a preset, whose recipe defines how pairs are "
            f"drawn: use `kregzoo.load`. Received: {registrar!r}"
        )
    _, recipe = recipe_of(registrar.preset)
    scale = next(iter(recipe.scales.values()))
    scale = dataclasses.replace(scale, batch_size=batch_size)
    records = read_dataset(data).get("train", [])
    return recipe.data.build(records, registrar.preprocessor, scale, seed, None)


def _metadata(run, dataset, data, trained):
    """Make the content of `metadata.json`."""
    system, recipe = run.system, run.recipe
    command = f"kregzoo train {system.name} --data {pathlib.Path(data).name}"
    # Store only the folder's name, never a local path.
    initial = recipe.initial and pathlib.PurePath(recipe.initial).name
    if recipe.initial != system.recipes[run.tag].at(run.scale_name).initial:
        command += f" --initial {initial}"
    return {
        "schema_version": SCHEMA_VERSION,
        "system": system.name,
        "chapter": system.chapter,
        "reference": system.reference,
        "task": system.task.verb,
        "predicts": system.predicts,
        "parameters": trained.model.count_params(),
        "images": recipe.images
        and {**dataclasses.asdict(recipe.images), "summary": str(recipe.images)},
        "data": {
            "name": pathlib.Path(data).resolve().name,
            **{key: dataset.get(key) for key in ("title", "source", "licence")},
        },
        "training": {
            "command": f"{command} --out OUT --scale {run.scale_name} "
            f"--steps {run.scale.steps} --seed {run.seed} --recipe {run.tag}",
            "scale": run.scale_name,
            "steps": run.scale.steps,
            "seed": run.seed,
            "initial": initial,
            "records": len(dataset["train"]),
            "minutes": round(trained.seconds / 60, 1),
            "accelerator": ops.device_name() or machine(),
            "backend": keras.backend.backend(),
            "keras": keras.__version__,
            "commit": commit(),
            "date": datetime.date.today().isoformat(),
        },
        "features": training_features(dataset["train"], run.frame()),
        "metrics": {},
    }
