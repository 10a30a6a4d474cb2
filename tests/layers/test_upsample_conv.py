import keras
import numpy as np
import pytest
from keras import layers

from kregzoo.layers import UpsampleConv
from tests.helpers import assert_close, assert_gradient, random_image, run_layer_test

KERAS = {
    2: (layers.UpSampling2D, layers.Conv2D),
    3: (layers.UpSampling3D, layers.Conv3D),
}


def inputs(shape, widths=(3, 2)):
    coarse = random_image((2, *shape, widths[0]), seed=1)
    return [coarse, random_image((2, *(2 * n for n in shape), widths[1]), seed=2)]


@pytest.mark.parametrize("shape", [(4, 3), (3, 5, 4)])
def test_is_upsampling_joining_and_convolving(shape, tmp_path):
    x, skip = inputs(shape)
    output_shape = (2, *(2 * n for n in shape), 4)
    kwargs = {"filters": 4, "kernel_initializer": keras.initializers.HeNormal(seed=0)}
    run_layer_test(UpsampleConv, kwargs, [x, skip], output_shape, tmp_path, "bfloat16")
    layer = UpsampleConv(4)
    layer.build([x.shape, skip.shape])
    layer.bias.assign([1.0, 2.0, 3.0, 4.0])

    upsampling, convolution = KERAS[len(shape)]
    joined = layers.Concatenate()([upsampling(2)(x), skip])
    convolution = convolution(4, 3, padding="same")
    convolution.build(joined.shape)
    convolution.set_weights(layer.get_weights())
    assert_close(layer([x, skip]), keras.ops.convert_to_numpy(convolution(joined)))


def test_gradients():
    x, skip = inputs((3, 4))
    layer = UpsampleConv(2)
    layer.build([x.shape, skip.shape])
    assert_gradient(lambda x: layer([x, skip]), x)
    assert_gradient(lambda skip: layer([x, skip]), skip)


def test_sizes_may_be_open():
    symbolic = [keras.Input((None, None, 3)), keras.Input((None, None, 2))]
    model = keras.Model(symbolic, UpsampleConv(4)(symbolic))
    assert model.output_shape == (None, None, None, 4)
    assert np.shape(model.predict(inputs((4, 6)), verbose=0)) == (2, 8, 12, 4)


def test_rejects_filters_that_are_not_positive():
    with pytest.raises(ValueError, match="`filters`.*Received: filters=0"):
        UpsampleConv(0)
