# %% [markdown]
# # Register two brains
#
# Needs `pip install ".[demo]"`. The images are made of the MNI152 template that nilearn
# carries, so that the truth is known; put the paths of your own scans in their place.

# %%
import tempfile

import numpy as np

import kregzoo
from kregzoo import demo
from kregzoo.spatial import read_transform

pair = demo.known_pair(*demo.read_anatomy(), seed=1)

# %% [markdown]
# One line loads a registrar with its weights, one registers. Images may be paths,
# nibabel images, arrays or `kregzoo.spatial.Image`, of any spacing and orientation.

# %%
registrar = kregzoo.load("voxelmorph_brain_t1")
result = registrar.register(pair.moving, pair.fixed, progress=False)
print(result.metrics)

# %% [markdown]
# Labels travel like the image, with nearest neighbour. Landmarks go the other way: from
# the fixed image, where the transform lives, to the moving one, in RAS mm.

# %%
tissues = result.apply(pair.moving_tissues, interpolation="nearest")
found = result.apply_points(pair.fixed_points)
errors = np.linalg.norm(found - pair.moving_points, axis=1)
print(f"mean target registration error {errors.mean():.2f} mm")

# %% [markdown]
# Fifty steps of optimisation on this pair, from the network's answer.

# %%
refined = registrar.register(pair.moving, pair.fixed, refine=50, progress=False)
found = refined.apply_points(pair.fixed_points)
errors = np.linalg.norm(found - pair.moving_points, axis=1)
print(f"mean target registration error {errors.mean():.2f} mm")

# %% [markdown]
# A folder with the warped image, the transform for ITK, ANTs and 3D Slicer, the metrics
# and a report to open in a browser; and the transform read back.

# %%
with tempfile.TemporaryDirectory() as folder:
    print(*(path.name for path in refined.save(folder)))
    transform = read_transform(f"{folder}/transform.h5")
again = transform.apply_points(pair.fixed_points)
print(f"read back to {np.abs(again - found).max():.4f} mm")

# %% [markdown]
# Pictures: `overlay`, `checkerboard`, `difference`, `grid` and `jacobian`.

# %%
figure = refined.plot("checkerboard")
