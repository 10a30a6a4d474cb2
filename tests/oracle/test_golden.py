"""kregzoo against voxelmorph 0.2 and tensorflow-addons 0.23, on stored answers."""

from pathlib import Path

import keras
import numpy as np
import pytest

from kregzoo import layers, losses, ops

RANKS = ("2d", "3d")
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def golden():
    with np.load(Path(__file__).with_name("golden.npz")) as file:
        return dict(file)


def case(golden, name):
    prefix = f"{name}/"
    names = [key for key in golden if key.startswith(prefix)]
    tensor = keras.ops.convert_to_tensor
    return {key.removeprefix(prefix): tensor(golden[key]) for key in names}


def assert_close(ours, theirs):
    ours, theirs = map(keras.ops.convert_to_numpy, (ours, theirs))
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
def test_spatial_transformer(golden, rank, interpolation):
    g = case(golden, f"warps_{rank}")
    transformer = layers.SpatialTransformer(interpolation=interpolation, fill="border")
    assert_close(transformer([g["image"], g["displacement"]]), g[interpolation])


@pytest.mark.parametrize("rank", RANKS)
def test_affine_transformer(golden, rank):
    g = case(golden, f"warps_{rank}")
    transformer = layers.AffineTransformer(fill="border")
    assert_close(transformer([g["image"], g["affine"]]), g["affine_linear"])


@pytest.mark.parametrize("rank", RANKS)
def test_compose_transform(golden, rank):
    g = case(golden, f"warps_{rank}")
    composed = layers.ComposeTransform()([g["displacement"], g["inner"]])
    assert_close(composed, g["composed"])


@pytest.mark.parametrize("rank", RANKS)
def test_vec_int(golden, rank):
    g = case(golden, f"warps_{rank}")
    assert_close(layers.VecInt(steps=7)(g["displacement"]), g["integrated"])


@pytest.mark.parametrize("rank", RANKS)
def test_lncc(golden, rank):
    g = case(golden, f"losses_{rank}")
    # Ours is 1 - NCC, theirs -NCC.
    assert_close(losses.LNCC(window=9).call(g["fixed"], g["warped"]) - 1, g["ncc"])


@pytest.mark.parametrize("rank", RANKS)
def test_mi(golden, rank):
    g = case(golden, f"losses_{rank}")
    assert_close(losses.MI(bins=32).call(g["fixed"], g["warped"]), g["mi"])


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_gradient(golden, rank, penalty):
    g = case(golden, f"losses_{rank}")
    ours = losses.Gradient(penalty=penalty).call(None, g["field"])
    assert_close(ours, g[f"grad_{penalty}"])


@pytest.mark.parametrize("rank", RANKS)
def test_dice(golden, rank):
    g = case(golden, f"losses_{rank}")
    # Ours is 1 - Dice of each sample, theirs -Dice of the batch.
    ours = losses.Dice().call(g["labels"], g["warped_labels"])
    assert_close(keras.ops.mean(ours) - 1, g["dice"])


@pytest.mark.parametrize("rank", RANKS)
def test_kl_divergence(golden, rank):
    g = case(golden, f"losses_{rank}")
    # Ours is of each sample, theirs of the batch.
    ours = losses.KLDivergence(prior_lambda=10.0).call(None, g["posterior"])
    assert_close(keras.ops.mean(ours), g["kl"])


def test_dense_image_warp(golden):
    g = case(golden, "addons")
    # tensorflow-addons samples at x - flow(x), we at x + displacement(x).
    assert_close(ops.warp(g["image"], -g["flow"]), g["warped"])


@pytest.mark.parametrize("stride", [1, 2])
def test_correlation_cost(golden, stride):
    g = case(golden, "addons")
    layer = layers.CorrelationCost(max_displacement=4, stride=stride)
    assert_close(layer([g["image"], g["other"]]), g[f"correlation_{stride}"])


def test_instance_normalization(golden):
    g = case(golden, "addons")
    norm = keras.layers.GroupNormalization(groups=-1, epsilon=1e-3)
    norm.build(g["image"].shape)
    norm.set_weights([g["gamma"], g["beta"]])
    assert_close(norm(g["image"]), g["normalized"])
