import keras
import pytest

from kregzoo.ops import device_name

BACKEND = keras.backend.backend()


def test_only_an_accelerator_has_a_name():
    # Where Keras puts a tensor by itself.
    place = str(keras.ops.zeros(1).device)
    assert (device_name() is None) == ("cpu" in place.lower())


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's own list")
@pytest.mark.parametrize(
    ("details", "expected"), [({"device_name": "A card"}, "A card"), ({}, None)]
)
def test_tensorflow_names_its_first_gpu(monkeypatch, details, expected):
    import tensorflow as tf

    asked = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind, "2nd"])
    monkeypatch.setattr(
        tf.config.experimental,
        "get_device_details",
        lambda device: asked.append(device) or details,
    )
    assert device_name() == expected
    assert asked == ["GPU"]
