"""World-space images, grids and transforms."""

from kregzoo.spatial.grid import Grid
from kregzoo.spatial.image import Image, as_image
