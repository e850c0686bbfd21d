"""What ``once`` takes, and the name and the number that a child has."""

from __future__ import annotations

import pytest

from actors import Actor, ConfigError, once, once_number
from actors.errors import SupervisionError
from actors.once_child import hold
from supervision import ChildSpec


class Digest(Actor):
    """A child."""


SPEC = ChildSpec(id="digest", start=Digest.start)


@pytest.mark.parametrize(
    ("child", "name", "found"),
    [
        (Digest, None, "Digest"),
        (Digest, "sender", "sender"),
        (SPEC, None, "digest"),
        (SPEC, "sender", "sender"),
        (ChildSpec(id="a", start=Digest.start, name="b"), None, "b"),
        (ChildSpec(id=("a", 1), start=Digest.start), "c", "c"),
        ({"id": "digest", "start": Digest.start}, None, "digest"),
        (lambda: SPEC, None, "digest"),
    ],
)
def test_a_child_has_a_name(child, name, found):
    spec = once(child, name=name).spec()
    assert (spec.name, spec.start) == (found, Digest.start)


@pytest.mark.parametrize("identity", [("a", 1), 5, ""])
def test_a_child_without_a_name_is_refused(identity):
    with pytest.raises(ConfigError, match="give it a name"):
        once(ChildSpec(id=identity, start=Digest.start)).spec()


@pytest.mark.parametrize("name", ["", 5])
def test_a_name_is_a_str(name):
    with pytest.raises(ConfigError, match="must be a str that is not empty"):
        once(Digest, name=name)


def test_what_is_no_child_is_refused_with_the_forms_that_are():
    with pytest.raises(SupervisionError, match="must be a ChildSpec, a mapping, an actor class"):
        once(5).spec()


def test_the_number_is_that_of_this_process_while_it_runs_what_exists_once():
    with pytest.raises(RuntimeError, match="while they run"):
        once_number()
    hold(7)
    hold(8)
    assert once_number() == 8
    hold(None)
    with pytest.raises(RuntimeError):
        once_number()
