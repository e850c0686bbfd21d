"""What ``supervision`` gives by name."""

from __future__ import annotations

import pytest

import supervision


@pytest.mark.parametrize("name", supervision.__all__)
def test_each_name_is_there(name):
    assert getattr(supervision, name) is not None
    assert name in dir(supervision)


def test_a_wrong_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Superviser"):
        _ = supervision.Superviser
