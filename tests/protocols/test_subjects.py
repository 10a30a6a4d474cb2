import pathlib

import pytest

from kregzoo.protocols.subjects import stem, subjects_of

MOVING = pathlib.Path("moving_images/a.nii.gz")


@pytest.mark.parametrize(
    ("record", "fixed", "persons", "group"),
    [
        # Files of one name, in folders of two modalities, are of one person.
        ({}, "fixed_images/a.nii.gz", ("a",), ""),
        ({}, "fixed_images/b.nii.gz", ("a", "b"), ""),
        ({"person": "SC-HF-NI-09"}, "b.png", ("SC-HF-NI-09",), "SC-HF-NI"),
        ({"person": "STS_042"}, "b.png", ("STS_042",), "STS"),
        ({"person": "1101"}, "b.png", ("1101",), ""),
        ({"person": "smith"}, "b.png", ("smith",), ""),
        ({"person": 7}, "b.png", ("7",), ""),
        ({"person": "x-1", "group": "healthy"}, "b.png", ("x-1",), "healthy"),
        ({"group": "healthy"}, "b.png", ("a", "b"), "healthy"),
    ],
)
def test_persons_and_groups_of_a_record(record, fixed, persons, group):
    found = subjects_of(record, MOVING, pathlib.Path(fixed))
    assert found == {"persons": persons, "group": group}


def test_stem_removes_all_endings():
    assert stem(MOVING) == "a"
