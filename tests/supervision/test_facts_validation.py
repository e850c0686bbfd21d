"""Facts 50 to 53: what is refused, and by which name (OTP's supervisor suite)."""

from __future__ import annotations

import math

import pytest

from actors.errors import SupervisionError
from actors.runtime import StartError
from supervision.dynamic import DynamicSupervisor
from supervision.specs import DynamicFlags, Flags, child_specs, flags
from supervision.supervisor import Supervisor
from tests.supervision.family import Worker, child

BAD_FIELDS = [
    ({"start": "no function"}, "invalid_mfa"),
    ({"args": ["a", "list"]}, "invalid_mfa"),
    ({"restart": "sometimes"}, "invalid_restart_type"),
    ({"shutdown": -10}, "invalid_shutdown"),
    ({"shutdown": math.inf}, "invalid_shutdown"),
    ({"shutdown": math.nan}, "invalid_shutdown"),
    ({"shutdown": "brutal_kill"}, "invalid_shutdown"),
    ({"shutdown": True}, "invalid_shutdown"),
    ({"type": "manager"}, "invalid_child_type"),
    ({"significant": "very"}, "invalid_significant"),
    ({"id": ["a", "list"]}, "invalid_id"),
    ({"name": ""}, "invalid_name"),
    ({"name": b"bytes"}, "invalid_name"),
    ({"name": ("a", "tuple")}, "invalid_name"),
    ({"name": Worker}, "invalid_name"),
]


def of_init(given, **flag_values):
    """The error that an ``init`` with these children ends in."""

    class Tree(Supervisor):
        def init(self):
            return flag_values, given

    with pytest.raises(StartError) as caught:
        Tree.start()
    return caught.value.reason.exception


@pytest.mark.parametrize(("field", "reason"), BAD_FIELDS)
def test_f50_each_bad_field_has_its_name_wherever_it_is_found(field, reason):
    bad = {"id": "c", "start": Worker.start, **field}
    name = next(iter(field))
    supervisor = Supervisor.start()
    with pytest.raises(SupervisionError) as from_start_child:
        supervisor.start_child(bad)
    with pytest.raises(SupervisionError) as from_check:
        child_specs([bad])
    for error in (from_start_child.value, from_check.value, of_init([bad])):
        assert error.reason == reason
        assert error.detail.startswith(f"{name}=")
    assert supervisor.which_children() == []


def test_f50_modules_mean_nothing_here():
    """Port: OTP needs ``modules`` to load new code into what runs; here the key is ignored."""
    bad = {"id": "c", "start": Worker.start, "modules": -1}
    assert child_specs([bad])[0] == child("c")


def test_f51_duplicate_id_is_a_duplicate_child_name():
    twice = [child("c"), child("d"), child("c")]
    with pytest.raises(SupervisionError) as caught:
        child_specs(twice)
    assert caught.value.reason == "duplicate_child_name"
    assert of_init(twice).reason == "duplicate_child_name"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_f52_simple_one_for_one_is_refused_with_any_number_of_specs(count):
    """Port: OTP asks for exactly one spec, the template. As in Elixir each child of a
    ``DynamicSupervisor`` brings its own, so the strategy is unknown, and ``init`` takes no specs.
    """
    children = [child(n) for n in range(count)]
    assert of_init(children, strategy="simple_one_for_one").reason == "invalid_strategy"

    class Template(DynamicSupervisor):
        def init(self):
            return DynamicFlags(), children

    with pytest.raises(StartError) as caught:
        Template.start()
    assert caught.value.reason.exception.reason == "bad_return"


BAD_FLAGS = [
    ({"strategy": "none_for_none"}, "invalid_strategy"),
    ({"intensity": math.inf}, "invalid_intensity"),
    ({"intensity": -1}, "invalid_intensity"),
    ({"intensity": 1.0}, "invalid_intensity"),
    ({"intensity": True}, "invalid_intensity"),
    ({"period": 0}, "invalid_period"),
    ({"period": math.inf}, "invalid_period"),
    ({"period": "5"}, "invalid_period"),
    ({"auto_shutdown": "sometimes"}, "invalid_auto_shutdown"),
]


@pytest.mark.parametrize(("given", "reason"), BAD_FLAGS)
def test_f53_each_bad_flag_has_its_name(given, reason):
    with pytest.raises(SupervisionError) as caught:
        flags(Flags, given)
    assert caught.value.reason == reason
    assert of_init([], **given).reason == reason


@pytest.mark.parametrize("shape", [None, "one_for_one", 7, ["one_for_one", 1, 5]])
def test_f53_flags_of_the_wrong_shape_are_an_invalid_type(shape):
    class Tree(Supervisor):
        def init(self):
            return shape, []

    with pytest.raises(StartError) as caught:
        Tree.start()
    assert caught.value.reason.exception.reason == "invalid_type"


def test_f53_unknown_flag_is_ignored():
    assert flags(Flags, {"intensity": 7, "silly": True}) == Flags(intensity=7)
    assert flags(DynamicFlags, {"silly": True}) == DynamicFlags()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"strategy": "one_for_all"}, "invalid_strategy"),
        ({"intensity": -1}, "invalid_intensity"),
        ({"period": 0}, "invalid_period"),
        ({"max_children": -1}, "invalid_max_children"),
        ({"max_children": "many"}, "invalid_max_children"),
        ({"extra_arguments": "abc"}, "invalid_extra_arguments"),
    ],
)
def test_f53_each_bad_flag_of_a_dynamic_supervisor_has_its_name(given, reason):
    with pytest.raises(SupervisionError) as caught:
        DynamicFlags(**given)
    assert caught.value.reason == reason
    with pytest.raises(StartError) as started:
        DynamicSupervisor.start(**given)
    assert started.value.reason.exception.reason == reason
