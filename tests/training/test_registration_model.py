import keras
import numpy as np
import pytest

from kregzoo.losses import MSE, Gradient
from kregzoo.training import RegistrationModel
from tests.helpers import assert_close, random_image, run_model_saving_test


def gains():
    """A network whose outputs are multiples of its inputs, by one weight each."""
    moving = keras.Input((8, 8, 1), name="moving")
    fixed = keras.Input((8, 8, 1), name="fixed")

    def gain(x, value, name):
        initial = keras.initializers.Constant(value)
        return keras.layers.Conv2D(
            1, 1, use_bias=False, kernel_initializer=initial, name=name
        )(x)

    return RegistrationModel(
        inputs={"moving": moving, "fixed": fixed},
        outputs={
            "warped": gain(moving, 2.0, "one"),
            "warped_fixed": gain(fixed, 3.0, "other"),
            "displacement": gain(moving, 4.0, "field"),
        },
    )


def pair():
    images = random_image((2, 8, 8, 1), 0), random_image((2, 8, 8, 1), 1)
    return dict(zip(("moving", "fixed"), images, strict=True))


def test_each_output_is_compared_with_the_image_it_should_look_like():
    model, images = gains(), pair()
    weights = {"warped": 1.0, "warped_fixed": 10.0, "displacement": 100.0}
    losses = {"warped": MSE(), "warped_fixed": MSE(), "displacement": Gradient()}
    model.compile("sgd", loss=losses, loss_weights=weights)
    moving, fixed = images["moving"], images["fixed"]
    expected = np.mean((2 * moving - fixed) ** 2)
    expected += 10 * np.mean((3 * fixed - moving) ** 2)
    differences = [np.mean(np.diff(4 * moving, axis=axis) ** 2) for axis in (1, 2)]
    expected += 100 * np.mean(differences)
    assert_close(model.evaluate(images, verbose=0, return_dict=True)["loss"], expected)


def test_targets_of_no_output_are_refused():
    model, images = gains(), pair()
    model.compile("sgd", loss={"warped": MSE()})
    with pytest.raises((KeyError, ValueError)):
        model.train_on_batch(images, {"wrapped": images["fixed"]})


def test_a_target_that_is_given_goes_before_the_images():
    model, images = gains(), pair()
    model.compile("sgd", loss={"warped": MSE()})
    target = np.zeros_like(images["fixed"])
    loss = model.evaluate(images, {"warped": target}, verbose=0, return_dict=True)
    assert_close(loss["loss"], np.mean((2 * images["moving"]) ** 2))


def test_labels_are_warped_by_the_displacement():
    moving, fixed = (keras.Input((8, 8, 1), name=n) for n in ("moving", "fixed"))
    # One voxel along the first axis, everywhere.
    bias = keras.initializers.Constant([1.0, 0.0])
    field = keras.layers.Conv2D(
        2, 1, kernel_initializer="zeros", bias_initializer=bias
    )(moving)
    model = RegistrationModel(
        inputs={"moving": moving, "fixed": fixed},
        outputs={
            "warped": keras.layers.Identity()(moving),
            "displacement": field,
        },
    )
    labels = np.random.default_rng(0).integers(0, 2, (2, 9, 8, 3)).astype("float32")
    targets = {"moving_labels": labels[:, :-1], "fixed_labels": labels[:, 1:]}
    images = {name: np.ones((2, 8, 8, 1), "float32") for name in ("moving", "fixed")}
    weights = {"warped": 0.0, "warped_labels": 5.0}
    model.compile(
        "sgd", {"warped": MSE(), "warped_labels": MSE()}, loss_weights=weights
    )
    loss = model.evaluate(images, targets, verbose=0, return_dict=True)["loss"]
    # All agree but the last row, whose labels come from the border.
    wrong = np.mean((labels[:, -2] - labels[:, -1]) ** 2) / 8
    assert_close(loss, 5.0 * wrong)


def test_fit_learns_the_gain_and_the_model_is_saved(tmp_path):
    model, images = gains(), pair()
    images["fixed"] = 0.5 * images["moving"]
    model.compile(keras.optimizers.Adam(0.1), loss={"warped": MSE()})
    model.fit(images, epochs=60, verbose=0)
    assert_close(model.get_layer("one").kernel, 0.5, atol=0.05)
    run_model_saving_test(model, images, tmp_path)
    assert type(keras.models.load_model(tmp_path / "model.keras")) is RegistrationModel


def test_targets_are_inputs_outputs_or_given(tmp_path):
    moving, fixed = (keras.Input((8, 8, 1), name=n) for n in ("moving", "fixed"))
    outputs = {
        name: keras.layers.Rescaling(factor)(moving)
        for name, factor in (("half", 0.5), ("double", 2.0), ("triple", 3.0))
    }
    targets = {"half": "fixed", "double": "triple", "triple": "reference"}
    model = RegistrationModel(
        inputs={"moving": moving, "fixed": fixed}, outputs=outputs, targets=targets
    )
    images = pair()
    reference = random_image((2, 8, 8, 1), 2)
    expected = {
        "half": np.mean((0.5 * images["moving"] - images["fixed"]) ** 2),
        "double": np.mean(images["moving"] ** 2),
        "triple": np.mean((3 * images["moving"] - reference) ** 2),
    }
    model.save(tmp_path / "model.keras")
    for one in (model, keras.models.load_model(tmp_path / "model.keras")):
        one.compile("sgd", loss=dict.fromkeys(targets, "mse"))
        given = {"reference": reference}
        found = one.evaluate(images, given, verbose=0, return_dict=True)
        for name, value in expected.items():
            assert_close(found[f"{name}_loss"], value)
