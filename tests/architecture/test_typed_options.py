"""The types of keywords are those of the option classes."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from actors.endpoint import typed
from tests.architecture import typed_options
from tests.architecture.typed_options import CLASSES, NOT_SHARED
from transports.opening.options import TransportOptions


def test_the_module_is_what_make_docs_writes() -> None:
    text = typed_options.PATH.read_text(encoding="utf-8")
    assert text == typed_options.rendered(), "an option changed: run `make docs`"


@pytest.mark.parametrize(("name", "options"), [each[:2] for each in CLASSES])
def test_a_mapping_has_the_names_and_types_of_its_options(name: str, options: type) -> None:
    mapping = typing.get_type_hints(getattr(typed, name))
    fields = typing.get_type_hints(options)
    wanted = {each.name: fields[each.name] for each in dataclasses.fields(options)}
    if options is TransportOptions:
        wanted = {key: value for key, value in wanted.items() if key not in NOT_SHARED}
    assert mapping == wanted
    assert getattr(typed, name).__required_keys__ == frozenset()
