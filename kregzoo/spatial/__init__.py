"""World-space images, grids and transforms."""

from kregzoo.spatial.fsl import read_flirt, write_flirt
from kregzoo.spatial.grid import Grid
from kregzoo.spatial.image import Image, as_aligned_image, as_image
from kregzoo.spatial.labels import LabelMap, as_labels
from kregzoo.spatial.points import read_points, write_points
from kregzoo.spatial.preprocessing import Preprocessor
from kregzoo.spatial.slices import flatten, lift
from kregzoo.spatial.transforms import (
    AffineTransform,
    CompositeTransform,
    DisplacementTransform,
    Transform,
    VelocityTransform,
    from_itk,
    read_transform,
)
