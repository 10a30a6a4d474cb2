import pytest

from kregzoo.blocks import pair_inputs


@pytest.mark.parametrize("shape", [(32, 48, 1), (None, None, None, 2)])
def test_inputs_are_named_and_shaped(shape):
    inputs = pair_inputs(shape, divisor=16)
    assert list(inputs) == ["moving", "fixed"]
    for name, tensor in inputs.items():
        assert tensor.name == name
        assert tensor.shape == (None, *shape)


@pytest.mark.parametrize("shape", [(32, 1), (32, 32, 32, 32, 1), ()])
def test_only_two_and_three_dimensions_pass(shape):
    with pytest.raises(ValueError, match="input_shape.*Received"):
        pair_inputs(shape)


def test_indivisible_sizes_are_refused():
    with pytest.raises(ValueError, match="divisible by 16.*Received.*40"):
        pair_inputs((32, 40, 1), divisor=16)
