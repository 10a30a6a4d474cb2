import pytest

from kregzoo.evaluation import baselines

NAMES = [method.name for method in baselines(["elastix"])]


@pytest.mark.parametrize("name", NAMES)
def test_a_method_finds_the_transform_that_it_writes(name, assert_finds):
    pytest.importorskip("itk")
    assert_finds(name)
