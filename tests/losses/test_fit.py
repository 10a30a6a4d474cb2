import keras
import numpy as np
import pytest

from kregzoo.layers import RescaleTransform, SpatialTransformer, VecInt
from kregzoo.losses import LNCC, MI, Gradient
from tests.helpers import random_image, run_model_saving_test


@pytest.mark.parametrize("similarity", [LNCC(window=5), MI(bins=8)])
def test_a_diffeomorphic_network_learns_and_is_saved(similarity, tmp_path):
    keras.utils.set_random_seed(0)
    moving, fixed = keras.Input((16, 16, 1)), keras.Input((16, 16, 1))
    x = keras.layers.Concatenate()([moving, fixed])
    x = keras.layers.Conv2D(8, 3, 2, "same", activation="relu")(x)
    velocity = keras.layers.Conv2D(2, 3, padding="same", kernel_initializer="zeros")(x)
    displacement = RescaleTransform(2)(VecInt(3)(velocity))
    warped = SpatialTransformer()([moving, displacement])
    model = keras.Model(
        {"moving": moving, "fixed": fixed},
        {"warped": warped, "displacement": displacement},
    )
    model.compile(
        keras.optimizers.Adam(1e-2),
        loss={"warped": similarity, "displacement": Gradient()},
        loss_weights={"warped": 1.0, "displacement": 0.01},
    )
    image = random_image((4, 16, 16, 1))
    pair = {"moving": image, "fixed": np.roll(image, 1, axis=1)}
    targets = {"warped": pair["fixed"], "displacement": np.zeros((4, 16, 16, 2))}
    history = model.fit(pair, targets, epochs=8, verbose=0).history["loss"]
    assert history[-1] < history[0]
    run_model_saving_test(model, pair, tmp_path)
