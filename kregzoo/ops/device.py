"""Device that Keras computes on."""

import keras


def device_name():
    """Name the GPU that Keras computes on.

    Returns:
        str, for example `"NVIDIA H100 80GB HBM3"`, or None without a GPU.
    """
    return _BACKENDS[keras.backend.backend()]()


def _jax():
    import jax

    device = jax.devices()[0]
    return None if device.platform == "cpu" else device.device_kind


def _torch():
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def _tensorflow():
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    details = devices and tf.config.experimental.get_device_details(devices[0])
    return (details or {}).get("device_name")


_BACKENDS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
