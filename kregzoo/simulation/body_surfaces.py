"""Bodies in CT, and what of them shows from outside."""

import numpy as np

from kregzoo.spatial.image import Image

# Brighter is the body, and what is thinner than twice this many mm is not.
THRESHOLD, THIN = 0.15, 5.0
# Clothes in mm at most, the size of their folds, and the camera's noise, in mm.
CLOTHES, FOLDS, NOISE = 10.0, 40.0, 2.0
# What of a surface is neither in nor out, to either side, in mm.
SOFT = 4.0


def body(image):
    """The voxels of a CT that belong to the body, without what it lies on or under.

    Args:
        image: a normalised 3-D `Image`.

    Returns:
        Boolean array.
    """
    from scipy import ndimage

    bright, spacing = image.array > THRESHOLD, image.grid.spacing
    # What is thin, or apart from the largest part, is a table, a blanket or a cable.
    parts, _ = ndimage.label(ndimage.distance_transform_edt(bright, spacing) > THIN)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    core = parts == sizes.argmax() if sizes.any() else bright
    near = ndimage.distance_transform_edt(~core, spacing) <= THIN + spacing.max()
    # Lungs are open where the image ends, but closed in each slice.
    axis = np.abs(image.grid.direction[2]).argmax()
    slices = np.moveaxis(bright & near, axis, 0)
    filled = np.stack([ndimage.binary_fill_holes(slice_) for slice_ in slices])
    return np.moveaxis(filled, 0, axis)


def surface(rng, image):
    """What a depth camera knows of a CT: the outline of a dressed body.

    Clothes of 0 to 10 mm that vary along the body, and noise of 2 mm, are drawn.

    Args:
        rng: a `numpy.random.Generator`.
        image: a normalised `Image`.

    Returns:
        An `Image`, 1 inside of the outline, 0.5 on it.
    """
    from scipy import ndimage

    inside, spacing = body(image), image.grid.spacing
    outside = ndimage.distance_transform_edt(~inside, spacing)
    outside -= ndimage.distance_transform_edt(inside, spacing)
    folds = ndimage.gaussian_filter(rng.normal(size=inside.shape), FOLDS / spacing)
    clothes = CLOTHES * np.clip(0.5 + folds / (4 * folds.std()), 0, 1)
    noise = ndimage.gaussian_filter(rng.normal(size=inside.shape), 1.0)
    outline = clothes + NOISE * noise / noise.std() - outside
    soft = np.clip(0.5 + outline / (2 * SOFT), 0, 1).astype("float32")
    return Image(soft, image.grid)
