"""Which serializer a client gets: the versions that Phoenix accepts and refuses."""

from __future__ import annotations

import pytest

from actors.errors import ConfigError
from actors.serializers import MSGPACK, V1, V2
from actors.serializers.default import DEFAULT
from actors.serializers.negotiation import (
    DEFAULT_VERSION,
    MAX_VERSION,
    NotServed,
    negotiate,
    served,
)


@pytest.mark.parametrize(
    ("vsn", "serializer"),
    [
        ("1.0.0", V1),
        ("1.0.9", V1),
        ("2.0.0", V2),
        ("2.0.7", V2),
        ("2.0.0+build.5", V2),
        ("2.0.1-rc.1", V2),
        ("2.0.0-msgpack", MSGPACK),
    ],
)
def test_version_that_is_served(vsn, serializer):
    assert negotiate(DEFAULT, vsn) is serializer


@pytest.mark.parametrize(
    "vsn",
    [
        "1.1.0",
        "2.1.0",
        "2.1.0-rc.1",
        "2.0.0-rc.1",
        "2.0.0-msgpack.1",
        "3.0.0",
        "0.9.0",
        "",
        "2",
        "2.0",
        "2.0.0.0",
        "02.0.0",
        "2.0.0\n",
        " 2.0.0",
        "٢.0.0",
        "2.0.0-",
        "abc",
        ["2.0.0"],
        {"a": "2.0.0"},
        2,
        None,
    ],
)
def test_version_that_is_not_served(vsn):
    assert negotiate(DEFAULT, vsn) is None


@pytest.mark.parametrize("size", [MAX_VERSION - 1, MAX_VERSION, MAX_VERSION + 1])
def test_version_has_a_longest_size(size):
    vsn = "2.0.1-" + "x" * (size - 6)
    assert negotiate(DEFAULT, vsn) is (V2 if size <= MAX_VERSION else None)


def test_first_that_fits_is_taken():
    assert negotiate(served([(MSGPACK, "~> 2.0.0"), (V2, "~> 2.0.0")]), "2.0.0") is MSGPACK


@pytest.mark.parametrize(
    ("requirement", "fits", "not_these"),
    [
        ("~> 2.1", ["2.1.0", "2.9.3"], ["2.0.9", "3.0.0", "3.0.0-rc"]),
        ("~>2.1.4", ["2.1.4", "2.1.10"], ["2.1.3", "2.2.0"]),
        ("2.1.4", ["2.1.4"], ["2.1.5", "2.1.3", "2.1.4-rc"]),
        ("~> 2.0.0-rc.2", ["2.0.0-rc.2", "2.0.0-rc.10", "2.0.0"], ["2.0.0-rc.1", "2.0.0-beta"]),
    ],
)
def test_requirement(requirement, fits, not_these):
    versions = served([(V2, requirement)])
    assert [negotiate(versions, each) for each in fits] == [V2] * len(fits)
    assert [negotiate(versions, each) for each in not_these] == [None] * len(not_these)


@pytest.mark.parametrize("requirement", ["", "2", "2.0", "~> 2", ">= 2.0.0", "~> x.y.z", None, 2])
def test_requirement_of_another_form_is_refused(requirement):
    with pytest.raises(ConfigError, match="requirement"):
        served([(V2, requirement)])


def test_accepted_versions_in_words():
    said = repr(NotServed("3.0.0" + "x" * 500, DEFAULT))  # as the log has it
    assert said.startswith("its vsn '3.0.0x")
    assert said.endswith("accepted: ~> 1.0.0, ~> 2.0.0, 2.0.0-msgpack")
    assert len(said) < 200


def test_client_that_names_no_version_speaks_the_first():
    assert negotiate(DEFAULT, DEFAULT_VERSION) is V1
