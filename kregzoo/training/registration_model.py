"""The Keras model that every registration network is."""

import keras

from kregzoo import ops


@keras.saving.register_keras_serializable(package="kregzoo")
class RegistrationModel(keras.Model):
    """A functional Keras model that registers, and trains by plain `compile` and `fit`.

    It is called on `{"moving": ..., "fixed": ...}` and returns a dict of named outputs.
    An output that has a loss but no target in `y` is compared with the fixed image
    (`"warped"`), with the moving one (`"warped_fixed"`), or, of both images warped half
    the way (`"halfway"`), with the other (`"halfway_fixed"`); else with the
    `"displacement"` or the `"affine"` that `y` gives, or, when it gives none, it is a
    field to regularise, whose target no loss reads.

    With `y = {"moving_labels": ..., "fixed_labels": ...}`, one-hot `(B, *spatial, L)`,
    a loss named `"warped_labels"` compares the moving labels, warped by the
    displacement, with the fixed ones. The network itself never sees labels.

    Example:
        >>> import numpy as np
        >>> moving = keras.Input((16, 16, 1), name="moving")
        >>> fixed = keras.Input((16, 16, 1), name="fixed")
        >>> model = RegistrationModel(
        ...     inputs={"moving": moving, "fixed": fixed},
        ...     outputs={"warped": keras.layers.Conv2D(1, 1)(moving)},
        ... )
        >>> model.compile("adam", loss={"warped": "mse"})
        >>> pair = {"moving": np.ones((1, 16, 16, 1)), "fixed": np.ones((1, 16, 16, 1))}
        >>> history = model.fit(pair, verbose=0)
    """

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        images = {
            "warped": x["fixed"],
            "warped_fixed": x["moving"],
            "halfway": y_pred.get("halfway_fixed"),
        }
        given = dict(y or {})
        truth = given.get("displacement", given.get("affine"))
        targets = {
            name: images.get(name, output if truth is None else truth)
            for name, output in y_pred.items()
        }
        if "moving_labels" in given:
            warped = ops.warp(given.pop("moving_labels"), y_pred["displacement"])
            y_pred = {**y_pred, "warped_labels": warped}
            targets["warped_labels"] = given.pop("fixed_labels")
        if "affine" not in y_pred:
            # It was the truth of other outputs; whatever else is unknown Keras refuses.
            given.pop("affine", None)
        return super().compute_loss(
            x=x,
            y={**targets, **given},
            y_pred=y_pred,
            sample_weight=sample_weight,
            training=training,
        )
