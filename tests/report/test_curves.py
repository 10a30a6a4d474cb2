from kregzoo.report import training_curves


def lines(axes):
    """Return the drawn x and y by name."""
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def test_stages_follow_each_other_with_validation_where_there_is_one():
    first = [{"loss": 4.0, "seconds": 1.0}, {"loss": 3.0, "val_loss": 3.5}]
    (axes,) = training_curves([first, [{"loss": 1.0}]]).axes
    found = lines(axes)
    assert found["loss"] == [[1, 4.0], [2, 3.0], [3, 1.0]]
    assert found["val_loss"] == [[2, 3.5]]
    # The line between the stages.
    assert [2.5, 0.0] in axes.lines[-1].get_xydata().tolist()
    assert axes.get_legend() is not None


def test_every_loss_has_a_panel_and_the_total_is_last():
    history = [{"loss": 5.0, "b_loss": 2.0, "a_loss": 3.0, "val_b_loss": 1.0}]
    figure = training_curves([history])
    assert [axes.get_title() for axes in figure.axes] == ["b loss", "a loss", "loss"]
    assert set(lines(figure.axes[0])) == {"b_loss", "val_b_loss"}


def test_an_agent_has_a_panel_for_each_measure():
    history = [{"step": 9, "return": -1.0, "success": 0.5, "value": 2.0}]
    figure = training_curves([history])
    assert [axes.get_title() for axes in figure.axes] == [
        "return of an episode",
        "successful episodes",
        "value of the actions taken",
    ]
    assert lines(figure.axes[1]) == {"success": [[1, 0.5]]}
    assert figure.axes[0].get_legend() is None
