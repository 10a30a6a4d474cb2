"""Log losses and warped slices for TensorBoard, on any backend.

The callback of Keras needs TensorFlow. This callback only needs the `tensorboard`
package, so it also works on machines without TensorFlow.
"""

import io

import keras
import numpy as np


def slices_callback(directory, validation):
    """Make a list of the `Slices` callback, empty if TensorBoard is not installed.

    Args:
        directory: folder of the training run. The logs go into the subfolder
            `tensorboard`.
        validation: the `PairDataset` whose first pair is shown.

    Returns:
        List of callbacks.
    """
    try:
        import matplotlib  # noqa: F401
        import tensorboard  # noqa: F401
    except ImportError:
        return []
    return [Slices(directory / "tensorboard", validation)]


class Slices(keras.callbacks.Callback):
    """Log the losses of each epoch, and one pair, if the network warps.

    The pair is logged after epochs with a validation.

    Args:
        directory: folder of the event files.
        validation: the `PairDataset` whose first pair is shown.
    """

    def __init__(self, directory, validation):
        super().__init__()
        self.directory = directory
        self.pair = validation[0][0]

    def on_train_begin(self, logs=None):
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self.writer = EventFileWriter(str(self.directory))

    def on_epoch_end(self, epoch, logs=None):
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [
            Summary.Value(tag=name, simple_value=float(value))
            for name, value in (logs or {}).items()
        ]
        validated = any(name.startswith("val_") for name in logs or {})
        if validated and "warped" in self.model.output:
            picture = self._picture()
            image = Summary.Image(
                height=picture.shape[0],
                width=picture.shape[1],
                colorspace=1,
                encoded_image_string=_png(picture),
            )
            values.append(Summary.Value(tag="moving, warped, fixed", image=image))
        self._write(Summary(value=values), epoch + 1)

    def on_train_end(self, logs=None):
        self.writer.close()

    def _picture(self):
        warped = self.model.predict_on_batch(self.pair)["warped"]
        images = (self.pair["moving"], warped, self.pair["fixed"])
        return np.concatenate([_middle_slice(image) for image in images], axis=1)

    def _write(self, summary, step):
        import time

        from tensorboard.compat.proto.event_pb2 import Event

        self.writer.add_event(Event(step=step, summary=summary, wall_time=time.time()))
        self.writer.flush()


def _middle_slice(image):
    array = keras.ops.convert_to_numpy(image).astype("float32")[0, ..., 0]
    if array.ndim == 3:
        # Show an axial slice with anterior at the top.
        array = array[:, :, array.shape[2] // 2].T[::-1]
    return np.clip(array, 0, 1)


def _png(picture):
    from matplotlib import image

    buffer = io.BytesIO()
    image.imsave(buffer, picture, cmap="gray", vmin=0, vmax=1, format="png")
    return buffer.getvalue()
