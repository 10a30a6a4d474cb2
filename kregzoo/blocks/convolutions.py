"""Keras layers by the number of spatial axes."""

from keras import layers

CONVOLUTIONS = {2: layers.Conv2D, 3: layers.Conv3D}
TRANSPOSED_CONVOLUTIONS = {2: layers.Conv2DTranspose, 3: layers.Conv3DTranspose}
AVERAGE_POOLINGS = {2: layers.AveragePooling2D, 3: layers.AveragePooling3D}
MAX_POOLINGS = {2: layers.MaxPooling2D, 3: layers.MaxPooling3D}
GLOBAL_AVERAGE_POOLINGS = {
    2: layers.GlobalAveragePooling2D,
    3: layers.GlobalAveragePooling3D,
}
ZERO_PADDINGS = {2: layers.ZeroPadding2D, 3: layers.ZeroPadding3D}
