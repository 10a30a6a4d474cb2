import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kregzoo.agents.actions import RigidMotions, optimal_q_values

UNITS = st.lists(st.floats(-20, 20), min_size=6, max_size=6)


@given(UNITS)
@settings(max_examples=30, deadline=None)
def test_the_residual_is_the_motion_beyond_the_truth(units):
    motions = RigidMotions(3, shift=2.0, angle=3.0)
    center = np.array([10.0, -30.0, 5.0])
    truth = motions.matrix([1, 2, 3, 4, 5, 6], np.array([3.0, 4.0, 5.0]))
    found = motions.residual(truth @ motions.matrix(units, center), truth, center)
    np.testing.assert_allclose(found, units, atol=1e-6)


@pytest.mark.parametrize(("ndim", "count"), [(2, 6), (3, 12)])
def test_each_action_is_a_unit_of_one_freedom(ndim, count):
    motions = RigidMotions(ndim, shift=2.0, angle=3.0)
    assert motions.count == count
    center = np.arange(1.0, ndim + 1)
    for action in range(count):
        moved = motions.apply(action, np.eye(ndim + 1), center)
        expected = np.zeros(count // 2)
        expected[action // 2] = -1.0 if action % 2 else 1.0
        found = motions.residual(moved, np.eye(ndim + 1), center)
        np.testing.assert_allclose(found, expected, atol=1e-9)
        # Turning leaves the center where it is.
        if action >= 2 * ndim:
            np.testing.assert_allclose(
                moved[:-1, :-1] @ center + moved[:-1, -1], center
            )


def test_and_back_is_no_motion():
    motions, center = RigidMotions(3), np.array([5.0, 6.0, 7.0])
    for plus in range(0, 12, 2):
        moved = motions.apply(plus, np.eye(4), center)
        np.testing.assert_allclose(
            motions.apply(plus + 1, moved, center), np.eye(4), atol=1e-12
        )


def search(state, discount, bonus, depth):
    """The value of the best way from a state, by trying every one."""
    if depth == 0 or np.abs(state).max() <= 0.5:
        return 0.0
    return max(
        value(state, action, discount, bonus, depth) for action in range(2 * len(state))
    )


def value(state, action, discount, bonus, depth):
    after = np.array(state)
    after[action // 2] += 1 - 2 * (action % 2)
    reward = np.linalg.norm(state) - np.linalg.norm(after)
    arrived = np.abs(after).max() <= 0.5
    later = 0.0 if arrived else discount * search(after, discount, bonus, depth - 1)
    return reward + bonus * arrived + later


@pytest.mark.parametrize("state", [*itertools.product([0.0, 1.0, -2.3], [0.2, 2.0])])
def test_the_shortest_way_is_the_best_one(state):
    found = optimal_q_values([state], discount=0.9, bonus=10.0)[0]
    # The best action of an exhaustive search, when there is a way at all.
    expected = [value(np.array(state), a, 0.9, 10.0, 7) for a in range(4)]
    assert expected[found.argmax()] == pytest.approx(max(expected))
    np.testing.assert_allclose(found.max(), max(expected), atol=1e-6)


def test_tolerances_that_unit_steps_miss_are_refused():
    with pytest.raises(ValueError, match="`tolerance` must be at least 0.5"):
        optimal_q_values([[1.0]], tolerance=0.4)
