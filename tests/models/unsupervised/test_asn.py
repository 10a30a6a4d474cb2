import keras
import numpy as np
from keras import ops as kops

from kregzoo.models import ASN
from kregzoo.models.unsupervised import asn
from kregzoo.training import Adversarial, Supervised
from tests.helpers import assert_close, random_image


def test_published_size():
    widths = [(2, 16), (16, 32), (32, 32), (32, 32), (32, 32), (64, 32), (64, 32)]
    widths += [(48, 32), (32, 8), (10, 8), (8, 3)]
    judge = [(2, 8), (8, 8), (8, 16), (16, 16), (16, 32), (32, 32), (32, 1)]
    count = sum((27 * a + 1) * b for a, b in widths + judge)
    # Beside these the weight of what the discriminator teaches.
    assert ASN().count_params() == count + 1


def test_quality_is_what_the_discriminator_says_of_the_warped_image():
    model = ASN((64, 64, 1))
    moving, fixed = kops.convert_to_tensor(random_image((2, 1, 64, 64, 1), sigma=2.0))
    outputs = model({"moving": moving, "fixed": fixed})
    judge = model.get_layer("discriminator")
    expected = judge({"warped": outputs["warped"], "fixed": fixed})
    assert expected.shape == (1, 2, 2, 1)
    assert_close(outputs["quality"], kops.convert_to_numpy(expected))


def test_a_blurred_discriminator_does_not_see_what_is_finer():
    checkers = np.indices((1, 64, 64, 1)).sum(axis=0) % 2
    flat = np.full((1, 64, 64, 1), 0.5, "float32")
    answers = []
    for blur in (0.0, 2.0):
        judge = ASN((64, 64, 1), blur=blur).get_layer("discriminator")
        fine, plain = (
            judge({"warped": x, "fixed": flat}) for x in (checkers.astype("f4"), flat)
        )
        answers.append(np.abs(kops.convert_to_numpy(fine - plain)).max())
    assert answers[0] > 1e-3 and answers[1] < 1e-2 * answers[0]


def test_positives_are_the_fixed_image_with_a_fifth_of_the_moving_one():
    images = {"moving": np.full((1, 4, 4, 1), 5.0), "fixed": np.zeros((1, 4, 4, 1))}
    assert_close(asn.blended(images, None), np.ones((1, 4, 4, 1)))


def test_twins_have_a_similarity_in_place_of_the_adversary():
    recipe, *twins = (asn.SYSTEM.recipes[f"brain_t1{n}"] for n in ("", "_ssd", "_ncc"))
    assert isinstance(recipe.trainer, Adversarial)
    assert "warped" not in recipe.trainer.losses
    for twin in twins:
        for key, scale in twin.scales.items():
            assert type(twin.at(key).trainer) is Supervised
            assert isinstance(twin.at(key).trainer.losses["warped"], keras.losses.Loss)
            adversarial = recipe.scales[key]
            assert twin.at(key).data == recipe.at(key).data
            sizes = ("spacing", "shapes", "steps", "learning_rate", "batch_size")
            assert [getattr(scale, n) for n in sizes] == [
                getattr(adversarial, n) for n in sizes
            ]
            half = "half_resolution"
            assert scale.model.get(half) == adversarial.model.get(half)


def test_without_a_discriminator_the_registration_network_is_the_same():
    plain, judged = ASN((32, 32, 1), judged=False), ASN((32, 32, 1))
    assert set(plain.output) == {"displacement", "warped"}
    discriminator = judged.get_layer("discriminator").count_params()
    assert plain.count_params() == judged.count_params() - discriminator - 1
