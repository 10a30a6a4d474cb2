# %% [markdown]
# # Fine-tune on your own scans
#
# Needs `pip install ".[demo]"`, and takes about four minutes on two processor cores.
# The scans are simulated from the MNI152 template of nilearn: twelve subjects, each
# randomly rotated and deformed, with bright fluid and dark white matter, as in T2.
# `voxelmorph_brain_t1` was trained on T1 only. If you have a folder of scans with a
# `dataset.json`, skip the first cell.

# %%
import json
import os
import pathlib
import tempfile

import keras
import numpy as np

import kregzoo
from kregzoo import demo, evaluation, losses, protocols, zoo
from kregzoo.spatial import Image

EPOCHS = int(os.environ.get("TUTORIAL_EPOCHS", 12))
STEPS = int(os.environ.get("TUTORIAL_STEPS", 25))
PERSONS = int(os.environ.get("TUTORIAL_PERSONS", 12))
HELD_OUT = 4
SPACING = float(os.environ.get("TUTORIAL_SPACING", 2.0))

work = pathlib.Path(tempfile.mkdtemp())
data = work / "scans"
data.mkdir()
template, tissues = demo.read_anatomy()
grid = template.grid.resampled(SPACING)
template = template.resample(grid)
tissues = tissues.resample(grid, interpolation="nearest")
for number in range(PERSONS):
    person = demo.known_pair(template, tissues, seed=number)
    array = person.moving.array
    brain = array > 0.05 * array.max()
    scan = Image(np.where(brain, array.max() - array, 0.0), grid)
    scan.write(data / f"scan_{number:02d}.nii.gz")
    person.moving_tissues.write(data / f"labels_{number:02d}.nii.gz")

# %% [markdown]
# A folder of scans needs a `dataset.json`. The scans in `train` are used for training:
# any two of them make a pair. `eval` lists the pairs to evaluate on, of other subjects.
# Their label maps measure how well structures overlap. The last two scans of `train`
# are held out for validation.


# %%
def files(number, role=""):
    return {
        role or "image": f"scan_{number:02d}.nii.gz",
        f"{role}_label" if role else "label": f"labels_{number:02d}.nii.gz",
    }


held_out = range(PERSONS - HELD_OUT, PERSONS)
description = {
    "title": "MNI152, deformed, dark white matter",
    "licence": "as the template",
    "source": "nilearn",
    "train": [files(number) for number in range(PERSONS - HELD_OUT)],
    "eval": [
        files(moving, "moving") | files(fixed, "fixed")
        for moving in held_out
        for fixed in held_out
        if moving < fixed
    ],
}
(data / "dataset.json").write_text(json.dumps(description, indent=1))
print(json.dumps(description["eval"][0], indent=1))

# %% [markdown]
# ## Measure the preset
#
# Evaluate an affine alignment and the preset before fine-tuning, from the raw files.
# Each mean over pairs comes with its bootstrap 95 % interval over subjects, if there
# are at least five.

# %%
name = "voxelmorph_brain_t1"
methods = evaluation.baselines(["iterative-affine"])
methods += evaluation.preset_methods(name, refine=0)
before = evaluation.evaluate(methods, data, work / "before", progress=False)
print(evaluation.summary(before))

# %% [markdown]
# Compute the loss to minimize on the held-out pairs, for the identity and for the
# network. If the loss of the network is not below that of the identity, the network is
# of no use for these scans.

# %%
registrar = kregzoo.load(name)
pairs, validation = zoo.training_pairs(registrar, data)
images, labels = validation[0]
similarity = losses.LNCC(window=9)
warped = registrar.model(images)["warped"]
print(f"identity {float(similarity(images['fixed'], images['moving'])):.3f}")
print(f"network  {float(similarity(images['fixed'], warped)):.3f}")

# %% [markdown]
# ## Fine-tune
#
# The network is a Keras model, trained by `compile` and `fit`. The new scans differ in
# contrast, which the encoder processes, but not in anatomy, which the last layers
# model. The last layers therefore stay frozen. Labels help in training
# (`warped_labels`) if the data have them, and are not needed afterwards. Training stops
# when the held-out loss has not decreased for four epochs, and keeps the best weights.

# %%
model = registrar.model
for layer in model.layers:
    if layer.name.startswith(("half_resolution", "flow")):
        layer.trainable = False
pairs.steps_per_epoch = STEPS
model.compile(
    keras.optimizers.Adam(3e-4),
    loss={
        "warped": similarity,
        "displacement": losses.Gradient("l2"),
        "warped_labels": losses.Dice(),
    },
    loss_weights={"warped": 1.0, "displacement": 0.5, "warped_labels": 0.5},
)
stop = keras.callbacks.EarlyStopping(patience=4, restore_best_weights=True)
history = model.fit(
    pairs,
    validation_data=validation,
    epochs=EPOCHS,
    callbacks=[stop],
    verbose=2,
    shuffle=False,
)

# %% [markdown]
# ## Before and after
#
# Save the network as a preset, which loads like any other, and measure it on the same
# pairs. The difference is paired. The pairs are of only four subjects, too few for an
# interval.

# %%
folder = registrar.save_preset(work / "voxelmorph_dark")
methods = evaluation.preset_methods(str(folder), refine=0)
after = evaluation.evaluate(methods, data, work / "after", progress=False)
ours = after.values("dice")[folder.name]
theirs = before.values("dice")[name]
print(f"Dice before       {evaluation.estimate(theirs, before.persons).text()}")
print(f"Dice after        {evaluation.estimate(ours, after.persons).text()}")
difference = evaluation.paired_difference(ours, theirs, after.persons)
print(f"Dice after-before {difference.text()}")

# %%
again = kregzoo.load(folder)
pair = protocols.read_pairs(data)[0]
result = again.register(pair.moving, pair.fixed, progress=False)
result.plot("checkerboard")

# %% [markdown]
# To train by the complete recipe, starting from these weights, run one command:
#
#     kregzoo train voxelmorph --data scans --initial voxelmorph_brain_t1 \
#       --steps 1000 --out voxelmorph_mine
