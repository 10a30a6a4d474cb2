"""Segmentation of the body in CT, and simulation of the surface of a dressed body."""

import numpy as np

from kregzoo.spatial.image import Image

# Intensity threshold of the body, and half the thickness in mm below which structures
# are removed.
THRESHOLD, THIN = 0.15, 5.0
# Largest thickness of clothes, size of folds, and noise of the camera, in mm.
CLOTHES, FOLDS, NOISE = 10.0, 40.0, 2.0
# Distance in mm on each side of the surface over which the image changes from 0 to 1.
SOFT = 4.0


def body(image):
    """Segment the body in a CT, without the table, blankets and cables.

    Args:
        image: a normalized 3-D `Image`.

    Returns:
        Boolean array.
    """
    from scipy import ndimage

    bright, spacing = image.array > THRESHOLD, image.grid.spacing
    # Thin structures, and all but the largest one, are tables, blankets or cables.
    parts, _ = ndimage.label(ndimage.distance_transform_edt(bright, spacing) > THIN)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    core = parts == sizes.argmax() if sizes.any() else bright
    near = ndimage.distance_transform_edt(~core, spacing) <= THIN + spacing.max()
    # Fill holes slice by slice: in 3-D, lungs are open where the image ends.
    axis = np.abs(image.grid.direction[2]).argmax()
    slices = np.moveaxis(bright & near, axis, 0)
    filled = np.stack([ndimage.binary_fill_holes(slice_) for slice_ in slices])
    return np.moveaxis(filled, 0, axis)


def surface(rng, image):
    """Simulate the outline of a dressed body that a depth camera sees from a CT.

    The thickness of the clothes is random, 0 to 10 mm, and varies along the body. The
    noise is 2 mm.

    Args:
        rng: a `numpy.random.Generator`.
        image: a normalized `Image`.

    Returns:
        An `Image`: 1 inside the outline, 0.5 on the outline, 0 outside.
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
