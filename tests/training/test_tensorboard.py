import io
import json

import numpy as np
from matplotlib import image as reader

from tests.helpers import assert_close
from tests.training import tiny


def events(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder), size_guidance={"images": 0})
    accumulator.Reload()
    return accumulator


def test_losses_of_every_epoch_and_pictures_are_logged(whole):
    folder, _, _ = whole
    written = events(folder / "tensorboard")
    steps = list(range(1, tiny.EPOCHS + 1))
    losses = written.Scalars("loss")
    assert [event.step for event in losses] == steps
    history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
    assert_close([event.value for event in losses], [e["loss"] for e in history])
    assert {"warped_loss", "displacement_loss", "val_loss"} < set(
        written.Tags()["scalars"]
    )
    (tag,) = written.Tags()["images"]
    pictures = written.Images(tag)
    # Of the epochs with a validation.
    assert [event.step for event in pictures] == [5, 6]
    picture = reader.imread(io.BytesIO(pictures[0].encoded_image_string), format="png")
    # Moving, warped and fixed side by side, 16 pixels each.
    assert picture.shape[:2] == (16, 48)
    assert np.ptp(picture[:, :16, 0]) > 0.3
