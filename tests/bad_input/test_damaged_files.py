"""Truncated files, and ten thousand at random."""

import collections
import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kregzoo.spatial import (
    AffineTransform,
    DisplacementTransform,
    Grid,
    Image,
    read_transform,
)

READERS = {
    "image.nii": Image.read,
    "image.nii.gz": Image.read,
    "image.mgz": Image.read,
    "image.mha": Image.read,
    "image.nrrd": Image.read,
    "image.png": Image.read,
    "transform.tfm": read_transform,
    "field.nii.gz": read_transform,
}
FUZZED = 10_000


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """Small valid files to damage, and a place for what becomes of them."""
    folder = tmp_path_factory.mktemp("fuzz")
    volume = Image.from_array(np.arange(60, dtype="int16").reshape(3, 4, 5))
    slice_ = Image.from_array(np.arange(12, dtype="uint8").reshape(3, 4))
    grid = Grid.centered((3, 3, 3), 2.0)
    field = DisplacementTransform(np.zeros((3, 3, 3, 3)), grid)
    for name in READERS:
        if name.startswith("image"):
            (slice_ if name.endswith("png") else volume).write(folder / name)
        else:
            whole = AffineTransform(np.eye(4)) if name.endswith("tfm") else field
            whole.save(folder / name)
    return {name: (folder / name).read_bytes() for name in READERS}, folder / "work"


def test_a_truncated_composite(place, registrar):
    registrar.register("good.nii.gz", "good.nii.gz", progress=False).save(place)
    whole = (place / "transform.h5").read_bytes()
    # Not damaged within: on some such files HDF5's own library never ends.
    for kept in np.linspace(0, len(whole) - 1, 30).astype(int):
        (place / "transform.h5").write_bytes(whole[:kept])
        with pytest.raises(ValueError, match="no transform.*Received"):
            read_transform(place / "transform.h5")


def damaged(content, kept, changes, inner):
    """The start of a file, with bytes changed; of a compressed one also within."""
    if inner and content[:2] == b"\x1f\x8b":
        return gzip.compress(damaged(gzip.decompress(content), kept, changes, False), 1)
    content = bytearray(content[: round(kept * len(content))])
    for where, change in changes:
        start = round(where * len(content))
        content[start : start + len(change)] = change
    return bytes(content)


def test_readers_meet_damaged_files(seeds, capsys):
    files, work = seeds
    work.mkdir()
    outcomes = collections.Counter()

    @settings(max_examples=FUZZED, deadline=None, database=None)
    @given(
        st.sampled_from(sorted(READERS)),
        st.one_of(st.just(1.0), st.floats(0.0, 1.0)),
        st.lists(st.tuples(st.floats(0.0, 1.0), st.binary(max_size=8)), max_size=4),
        st.booleans(),
    )
    def read(name, kept, changes, inner):
        (work / name).write_bytes(damaged(files[name], kept, changes, inner))
        try:
            READERS[name](work / name)
            outcomes["read"] += 1
        except ValueError:
            outcomes["refused"] += 1

    read()
    assert outcomes.total() >= FUZZED and min(outcomes.values()) > FUZZED / 10
    with capsys.disabled():
        print(f"\n{outcomes.total()} damaged files: {dict(outcomes)}")
