# %% [markdown]
# # Load and register in one line
#
# Needs `pip install ".[demo]"`. The images are simulated from the MNI152 template of
# nilearn, so that the true transform is known. Replace them by the paths of your own
# scans.

# %%
import tempfile

import numpy as np
import SimpleITK as sitk

import kregzoo
from kregzoo import demo
from kregzoo.metrics import dice
from kregzoo.spatial import from_itk, read_transform

pair = demo.known_pair(*demo.read_anatomy(), seed=1)

# %% [markdown]
# One line loads a registrar with its weights, and one line registers. Images may be
# paths, nibabel images, arrays or `kregzoo.spatial.Image`, of any spacing and
# orientation.

# %%
registrar = kregzoo.load("voxelmorph_brain_t1")
result = registrar.register(pair.moving, pair.fixed, progress=False)
print(result.metrics)

# %% [markdown]
# Labels are warped like the image, by nearest-neighbor interpolation. Landmarks are
# mapped in the opposite direction, from the fixed to the moving image, in RAS mm.

# %%
tissues = result.apply(pair.moving_tissues, interpolation="nearest")
for number, name in demo.TISSUES.items():
    before, after = (
        dice(pair.fixed_tissues.array, moving.array, [number])[number]
        for moving in (pair.moving_tissues, tissues)
    )
    print(f"Dice of the {name.replace('_', ' ')}: {before:.3f} to {after:.3f}")


def error(points):
    return np.linalg.norm(points - pair.moving_points, axis=1).mean()


found = result.apply_points(pair.fixed_points)
print(f"target registration error {error(pair.fixed_points):.2f} mm before")
print(f"target registration error {error(found):.2f} mm after one pass")

# %% [markdown]
# Refine the network's prediction by fifty optimization steps on the pair.

# %%
refined = registrar.register(pair.moving, pair.fixed, refine=50, progress=False)
found = refined.apply_points(pair.fixed_points)
print(f"target registration error {error(found):.2f} mm refined")

# %% [markdown]
# Plot the registration: `overlay`, `checkerboard`, `difference`, `grid` or `jacobian`.

# %%
refined.plot("checkerboard")

# %%
refined.plot("grid")

# %% [markdown]
# Save the warped image, the transform for ITK, ANTs and 3D Slicer, the metrics, and a
# report to open in a browser. Then read the transform back with kregzoo, and with
# SimpleITK, whose points are in LPS.

# %%
with tempfile.TemporaryDirectory() as folder:
    print(*(path.name for path in refined.save(folder)))
    transform = read_transform(f"{folder}/transform.h5")
    theirs = sitk.ReadTransform(f"{folder}/transform.h5")
again = transform.apply_points(pair.fixed_points)
print(f"read back to {np.abs(again - found).max():.4f} mm")
lps = np.array([-1.0, -1.0, 1.0])
point = pair.fixed_points[0]
moved = lps * theirs.TransformPoint((lps * point).tolist())
print(f"as SimpleITK has it to {np.abs(moved - found[0]).max():.4f} mm")
back = from_itk(theirs).apply_points(pair.fixed_points)
print(f"to ITK and back to {np.abs(back - found).max():.4f} mm")
