"""Child specifications and flags: every form, every default. What is refused: facts 50 to 53."""

from __future__ import annotations

import dataclasses

import pytest

from actors.errors import SupervisionError
from actors.runtime import Actor
from supervision.dynamic import DynamicSupervisor
from supervision.specs import (
    ChildSpec,
    DynamicFlags,
    Flags,
    child_spec,
    child_specs,
    flags,
)
from supervision.supervisor import Supervisor


def start():
    """A start function."""


class TestChildSpec:
    def test_has_otps_defaults(self):
        spec = ChildSpec(id="c", start=start)
        assert dataclasses.asdict(spec) == {
            "id": "c",
            "start": start,
            "args": (),
            "restart": "permanent",
            "shutdown": 5.0,
            "type": "worker",
            "significant": False,
            "name": None,
        }

    @pytest.mark.parametrize(
        ("given", "shutdown"),
        [
            ({"type": "supervisor"}, None),
            ({"type": "supervisor", "shutdown": 3}, 3),
            ({"shutdown": None}, None),
            ({"shutdown": 0}, 0),
            ({"shutdown": 0.25}, 0.25),
        ],
    )
    def test_shutdown_depends_on_the_type_unless_given(self, given, shutdown):
        assert ChildSpec(id="c", start=start, **given).shutdown == shutdown

    def test_cannot_be_changed(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            ChildSpec(id="c", start=start).restart = "temporary"

    def test_copy_keeps_what_was_filled_in(self):
        spec = ChildSpec(id="c", start=start)
        assert dataclasses.replace(spec, args=(1,)).shutdown == spec.shutdown

    def test_error_names_the_field_the_value_and_the_accepted_form(self):
        with pytest.raises(SupervisionError) as caught:
            ChildSpec(id="c", start=start, restart="always")
        assert str(caught.value) == (
            "invalid_restart_type: restart='always': "
            "must be 'permanent' or 'transient' or 'temporary'"
        )


class TestWhatMayBeGiven:
    def test_a_spec_is_taken_as_it_is(self):
        spec = ChildSpec(id="c", start=start)
        assert child_spec(spec) is spec

    def test_a_mapping(self):
        spec = child_spec({"id": "c", "start": start, "restart": "transient"})
        assert spec == ChildSpec(id="c", start=start, restart="transient")

    @pytest.mark.parametrize(
        ("kind", "type_", "shutdown"),
        [(Actor, "worker", 5.0), (Supervisor, "supervisor", None)],
    )
    def test_an_actor_class_is_its_own_id(self, kind, type_, shutdown):
        spec = child_spec(kind)
        assert (spec.id, spec.start, spec.type, spec.shutdown) == (
            kind,
            kind.start,
            type_,
            shutdown,
        )

    def test_a_function_that_answers_a_spec(self):
        spec = ChildSpec(id="c", start=start)
        assert child_spec(lambda: spec) is spec
        assert child_spec(lambda: {"id": "c", "start": start}) == spec
        assert child_spec(lambda: DynamicSupervisor).id is DynamicSupervisor

    @pytest.mark.parametrize("name", [None, "ticker", "räume/1", " "])
    def test_a_mapping_may_say_the_name(self, name):
        assert child_spec({"id": "c", "start": start, "name": name}).name == name
        assert child_spec(ChildSpec(id="c", start=start, name=name), 1).name == name

    def test_arguments_come_after_the_specs_own(self):
        assert child_spec(Actor, 1, 2).args == (1, 2)
        assert child_spec(ChildSpec(id="c", start=start, args=(1,)), 2).args == (1, 2)

    @pytest.mark.parametrize("given", [None, 7, "text", dict, lambda: None, lambda: start])
    def test_anything_else_is_refused(self, given):
        with pytest.raises(SupervisionError) as caught:
            child_spec(given)
        assert caught.value.reason == "invalid_child_spec"

    @pytest.mark.parametrize("given", [None, 7, "text", b"bytes", {"id": "c", "start": start}])
    def test_children_are_a_list(self, given):
        with pytest.raises(SupervisionError) as caught:
            child_specs(given)
        assert caught.value.reason == "badarg"

    def test_children_are_checked_against_a_flag_that_exists(self):
        with pytest.raises(SupervisionError) as caught:
            child_specs([], "sometimes")
        assert caught.value.reason == "badarg"

    def test_children_keep_their_order(self):
        assert [spec.id for spec in child_specs([Supervisor, Actor])] == [Supervisor, Actor]


class TestFlags:
    def test_have_elixirs_defaults(self):
        assert dataclasses.astuple(Flags()) == ("one_for_one", 3, 5.0, "never")
        assert dataclasses.asdict(DynamicFlags()) == {
            "strategy": "one_for_one",
            "intensity": 3,
            "period": 5.0,
            "max_children": None,
            "extra_arguments": (),
            "auto_shutdown": "never",
        }

    def test_may_be_given_as_they_are_or_as_a_mapping(self):
        given = Flags(strategy="rest_for_one")
        assert flags(Flags, given) is given
        assert flags(Flags, {"strategy": "rest_for_one"}) == given

    def test_of_one_kind_are_not_those_of_the_other(self):
        with pytest.raises(SupervisionError) as caught:
            flags(Flags, DynamicFlags())
        assert caught.value.reason == "invalid_type"
