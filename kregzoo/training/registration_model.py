"""Base class of the registration networks."""

import keras

from kregzoo import ops

# Images that outputs are compared with.
IMAGE_TARGETS = {"warped": "fixed", "warped_fixed": "moving"}


@keras.saving.register_keras_serializable(package="kregzoo")
class RegistrationModel(keras.Model):
    """Functional Keras model that registers, trained by plain `compile` and `fit`.

    The model is called on a dict of images, usually `{"moving": ..., "fixed": ...}`,
    and returns a dict of named outputs. The loss of an output compares the output with
    a target. `targets` names the target: an input, another output or an entry of `y`.
    The default target is the entry of `y` with the name of the output. If there is no
    target, the loss receives the output twice, which suits a regularizer.

    With `y = {"moving_labels": ..., "fixed_labels": ...}`, one-hot `(B, *spatial, L)`,
    a loss named `"warped_labels"` compares the moving labels, warped by the
    displacement, with the fixed ones. The network itself never sees labels.

    Args:
        inputs: dict of `keras.Input`.
        outputs: dict of tensors.
        name: str.
        targets: dict of names of targets by output. Added to the defaults, which
            compare `"warped"` with `"fixed"` and `"warped_fixed"` with `"moving"`.
        **kwargs: Arguments of `keras.Model`.

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

    def __init__(self, inputs, outputs, name=None, *, targets=None, **kwargs):
        super().__init__(inputs=inputs, outputs=outputs, name=name, **kwargs)
        self.targets = dict(targets or {})

    def get_config(self):
        return {**super().get_config(), "targets": dict(self.targets)}

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        given = dict(y or {})
        sources = {**x, **y_pred, **given}
        declared = {**IMAGE_TARGETS, **self.targets}
        targets = {
            # An output without a target is its own target, for a regularizer.
            name: sources.get(declared.get(name, name), output)
            for name, output in y_pred.items()
        }
        if "moving_labels" in given:
            warped = ops.warp(given.pop("moving_labels"), y_pred["displacement"])
            y_pred = {**y_pred, "warped_labels": warped}
            targets["warped_labels"] = given.pop("fixed_labels")
        # Keep the unused entries of `y`, so that Keras rejects unknown names.
        unknown = given.keys() - set(declared.values())
        return super().compute_loss(
            x=x,
            y={**targets, **{name: given[name] for name in sorted(unknown)}},
            y_pred=y_pred,
            sample_weight=sample_weight,
            training=training,
        )
