import keras
import numpy as np
import pytest

from kregzoo.blocks import control_points


@pytest.mark.parametrize("spacing", [2, 8, 16, 32])
@pytest.mark.parametrize("normalize", [True, False])
def test_layers_and_lattice(spacing, normalize):
    inputs = keras.Input((64, 96, 2))
    output = control_points(inputs, spacing, 6, normalize, "s")
    assert output.shape == (None, 64 // spacing + 3, 96 // spacing + 3, 2)
    model = keras.Model(inputs, output)
    convolutions = [la for la in model.layers if isinstance(la, keras.layers.Conv2D)]
    sizes = [la.kernel_size[0] for la in convolutions]
    threes = max(5, int(np.log2(spacing)) + 1)
    assert sizes == [3] * threes + [1, 1, 2]
    norms = [n for n in model.layers if isinstance(n, keras.layers.BatchNormalization)]
    assert len(norms) == (threes + 2) * normalize
    assert not np.any(model.predict(np.ones((1, 64, 96, 2)), verbose=0))


def test_control_points_lie_between_the_cells():
    """A bright spot on a corner of cells moves its own control point the most."""
    spacing, corner = 8, (3, 5)
    inputs = keras.Input((64, 64, 1))
    model = keras.Model(inputs, control_points(inputs, spacing, 1, False, "s"))
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            # Each convolution passes its middle on; the last one means its four cells.
            kernel[:] = 0.0
            if layer.name.endswith("control_points"):
                kernel[:] = 0.25
            else:
                kernel[tuple(n // 2 for n in kernel.shape[:-2])] = 1.0
            layer.set_weights([kernel, bias])
    image = np.zeros((1, 64, 64, 1), "float32")
    edge = [index * spacing for index in corner]
    image[0, edge[0] - 8 : edge[0] + 8, edge[1] - 8 : edge[1] + 8] = 1.0
    points = model.predict(image, verbose=0)[0, ..., 0]
    # One point of margin: the first on the image's edge has index 1.
    assert points.max() == points[corner[0] + 1, corner[1] + 1] == 1.0


def test_the_margin_is_there_in_a_compiled_3d_model():
    inputs = keras.Input((32, 32, 32, 2))
    model = keras.Model(inputs, control_points(inputs, 16, 4, False, "s"))
    points = model.predict(np.ones((1, 32, 32, 32, 2), "float32"), verbose=0)
    assert points.shape == (1, 5, 5, 5, 3)
