"""The compiled build does what the pure one does, and leaves the rest to it."""

from __future__ import annotations

import dataclasses
import gc
import importlib.util
import os
import subprocess
import sys
import types
import weakref
from collections import deque
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import Socket, results, signing, speedups
from actors.errors import HTTPError, InvalidMessage
from actors.messages import Opcode
from actors.serializers import v2
from actors.serializers.message import Incoming
from tests.support.raw import BINARY, TEXT
from tests.support.raw import frame as masked
from tests.support.recorder import actor_of
from tests.support.waiting import eventually
from transports.http import head as head_module
from transports.http.options import HTTPOptions
from transports.http.query import pure_parse_query
from transports.websocket.mask import apply_mask
from transports.websocket.outgoing import message_frame

compiled = speedups.compiled
only_compiled = pytest.mark.skipif(compiled is None, reason="of the compiled build")


# -- which build

BUILT = "pure" if importlib.util.find_spec("actors._speedups") is None else "compiled"


@pytest.mark.parametrize(("pure", "said"), [("1", "pure"), ("", BUILT), ("0", BUILT)])
def test_the_environment_chooses_the_pure_build(pure: str, said: str) -> None:
    code = "from actors import speedups; print(speedups.BUILD)"
    environment = {**os.environ, "ROOST_PURE": pure}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == said


def test_there_may_be_no_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROOST_PURE", raising=False)
    assert speedups.load("actors.no_such_extension") is None
    assert speedups.load("actors.results") is results
    monkeypatch.setenv("ROOST_PURE", "1")
    assert speedups.load("actors.results") is None


# -- results


@dataclasses.dataclass(slots=True)
class PureReply:
    payload: object
    status: str = "ok"
    opcode: Opcode | None = None


@only_compiled
@pytest.mark.parametrize(
    "arguments",
    [
        (("x",), {}),
        ((b"x", "error"), {}),
        ((), {"payload": None, "opcode": Opcode.TEXT}),
        (("x",), {"status": "late"}),
    ],
)
def test_results_are_dataclasses_of_the_same_shape(arguments: Any) -> None:
    args, kwargs = arguments
    pure, ours = PureReply(*args, **kwargs), compiled.Reply(*args, **kwargs)
    assert repr(ours) == repr(pure).replace("PureReply", "Reply")
    assert ours == compiled.Reply(*args, **kwargs) != compiled.Reply("another")
    assert compiled.Reply.__match_args__ == PureReply.__match_args__
    assert [each.name for each in dataclasses.fields(ours)] == ["payload", "status", "opcode"]
    assert dataclasses.replace(ours, status="new").status == "new"
    ours.payload = "changed"
    assert ours.payload == "changed"
    with pytest.raises(AttributeError):
        ours.more = 1
    with pytest.raises(TypeError):
        compiled.Reply()


@pytest.mark.parametrize("slots", [False, True])
def test_a_dataclass_may_inherit_a_result(slots: bool) -> None:
    @dataclasses.dataclass(slots=slots)
    class Said(results.Reply):
        room: str = "lobby"

    said = Said("x", "ok", room="1")
    assert (said.payload, said.status, said.opcode, said.room) == ("x", "ok", None, "1")
    assert Said("x").room == "lobby"


# -- fields


@only_compiled
@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("Turns", "actor batch dispatcher items owner signals track"),
        ("Descriptor", "backlog fd is_closing most read_size"),
        ("Line", "deflate dispatcher inbox out stream"),
        ("Place", "at_hand encode handlers join_ref send topic"),
        ("Lobby", "decode"),
    ],
)
def test_fields_that_python_uses_are_slots(name: str, fields: str) -> None:
    """CPython serves those within its instruction; a property of Cython costs ten times as much."""
    made = getattr(compiled, name)
    kinds = {field: type(vars(made)[field]) for field in fields.split()}
    assert set(kinds.values()) == {types.MemberDescriptorType}
    one, other = made.__new__(made), made.__new__(made)
    for number, field in enumerate(kinds):
        assert getattr(one, field) is None
        setattr(one, field, [number])
    assert [getattr(one, field) for field in kinds] == [[number] for number in range(len(kinds))]
    assert {getattr(other, field) for field in kinds} == {None}


@only_compiled
def test_fields_are_let_go_with_their_object() -> None:
    held, line = Mock(), compiled.Line()
    line.stream, known = held, weakref.ref(held)
    del held
    line.out = line  # a cycle, for the collector
    del line
    gc.collect()
    assert known() is None


@only_compiled
def test_a_field_that_is_no_list_is_a_type_error() -> None:
    turns = compiled.Turns()
    turns.items = ()
    with pytest.raises(TypeError, match="list"):
        turns.add_one("event")


# -- what is no exact type


@pytest.mark.parametrize("kind", [tuple, type("Events", (list,), {})])
def test_events_may_be_any_sequence(kind: Any) -> None:
    seen: list[Any] = []

    class Keeping(Socket):
        def handle_in(self, payload: Any, opcode: Any) -> None:
            seen.append(payload)

    actor = actor_of(Keeping.start(Mock()))
    actor.on_events(kind(["a"]))
    actor.on_events(kind(["b"]))
    eventually(lambda: seen == ["a", "b"])


# -- frames


text = st.text(st.characters(codec="utf-8"), max_size=200)
lengths = st.sampled_from([0, 1, 7, 8, 9, 125, 126, 127, 65535, 65536, 70000])


@only_compiled
@given(text | st.binary(max_size=200) | st.builds(lambda n: "x" * n, lengths) | lengths.map(bytes))
def test_frames_are_those_of_the_pure_build(payload: str | bytes) -> None:
    is_text = isinstance(payload, str)
    data = payload.encode() if is_text else payload
    wanted = message_frame(Opcode.TEXT if is_text else Opcode.BINARY, data, None)
    assert compiled.frame(payload) == wanted


@only_compiled
def test_text_that_is_not_utf8_is_a_unicode_error() -> None:
    with pytest.raises(UnicodeEncodeError):
        compiled.frame("a\ud800")


@only_compiled
@pytest.mark.parametrize("over", [-1, 0, 1])
@pytest.mark.parametrize("limit", [1, 125, 126, 65535, 65536])
def test_a_message_over_the_limit_is_left(limit: int, over: int) -> None:
    data = masked(TEXT, "x" * (limit + over)) + masked(BINARY, b"y")
    found, used = compiled.parse(data, limit)
    if over > 0:
        assert (found, used) == ([], 0)
    else:
        assert (found, used) == (["x" * (limit + over), b"y"], len(data))


@only_compiled
@given(st.binary(max_size=300), st.integers(1, 70000))
def test_any_bytes_are_parsed_without_harm(data: bytes, limit: int) -> None:
    before = bytes(bytearray(data))
    found, used = compiled.parse(data, limit)
    assert data == before
    assert 0 <= used <= len(data)
    assert all(type(each) in (str, bytes) for each in found)


@only_compiled
@given(st.binary(max_size=80), st.binary(min_size=4, max_size=4))
def test_text_that_is_not_utf8_is_left_as_it_was(payload: bytes, mask: bytes) -> None:
    data = bytes([0x81, 0x80 | len(payload)]) + mask + apply_mask(payload, mask)
    found, used = compiled.parse(data, 1000)
    try:
        assert (found, used) == ([payload.decode()], len(data))
    except UnicodeDecodeError:
        assert (found, used) == ([], 0)


# -- the queue


@only_compiled
@given(st.lists(st.booleans() | st.integers(1, 3000), max_size=30))
def test_the_queue_is_a_deque(steps: list[bool | int]) -> None:
    """True: take one; False: add one; a number: add so many, and take half of all."""
    ours, wanted = compiled.Queue(), deque()
    for number, step in enumerate(steps):
        if step is True:
            if wanted:
                assert ours.popleft() == wanted.popleft()
            else:
                with pytest.raises(IndexError):
                    ours.popleft()
        else:
            for each in range(1 if step is False else step):
                ours.append((number, each))
                wanted.append((number, each))
            for _ in range(0 if step is False else len(wanted) // 2):
                assert ours.popleft() == wanted.popleft()
        assert (len(ours), bool(ours), list(ours)) == (len(wanted), bool(wanted), list(wanted))


# -- HTTP, and signing


@only_compiled
@given(st.binary(max_size=100))
def test_base64url_is_that_of_the_pure_build(raw: bytes) -> None:
    assert compiled.base64url(raw) == signing.pure_base64url(raw)


@only_compiled
@given(
    st.one_of(
        st.text(alphabet="ab=&%+[]2\xe9", max_size=30),
        st.integers(998, 1002).map(lambda count: "&".join(["a=b"] * count)),
        st.integers(998, 1002).map(lambda count: "a" + "&" * count),
    )
)
def test_a_query_is_parsed_as_the_pure_build_does(query: str) -> None:
    found: list[Any] = []
    for parse in (compiled.parse_query, pure_parse_query):
        try:
            found.append(list(parse(query).items()))
        except HTTPError as error:
            found.append((error.status, error.message))
    assert found[0] == found[1]


PIECES = [
    *[b"GET", b"POST", b" ", b"/", b"a?b=c", b"?", b"#", b"\xff", b"\x7f", b" HTTP/1.1"],
    *[b"\r\n", b"Host: a\r\n", b"Content-Length: 2\r\n", b"Content-Length: 10\r\n", b"\r\n\r\n"],
]
KNOWN_HEADS = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n",
]


@only_compiled
@given(
    st.one_of(
        st.builds(
            lambda head, target: head.replace(b"/ ", b"/" + target + b" ", 1),
            st.sampled_from(KNOWN_HEADS),
            st.lists(st.sampled_from(PIECES), max_size=3).map(b"".join),
        ),
        st.lists(st.sampled_from(PIECES), max_size=9).map(b"".join),
        st.binary(max_size=8),
    ),
    st.sampled_from([b"", b"xy", *KNOWN_HEADS]),
    st.integers(30, 60),
)
def test_a_head_is_recalled_as_the_pure_build_does(head: bytes, rest: bytes, most: int) -> None:
    found: list[Any] = []
    for one in (compiled.recall, head_module.pure_recall):
        known: head_module.Known = {}
        for each in KNOWN_HEADS:
            head_module.parse_head(each, HTTPOptions(), scheme="http", peer=("", 1), known=known)
        options = HTTPOptions(max_head=most)
        answer = one(head + rest, options, scheme="http", peer=("", 1), known=known)
        if answer is not None:
            request, *others = answer
            answer = [[getattr(request, name) for name in request.__slots__], *others]
        found.append((answer, known))
    assert found[0] == found[1]


# -- the serializer


json_text = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
).map(lambda value: v2.dumps(value).decode())
ODD = [
    "",
    "[",
    "{}",
    '["1","2","t","e",{}]',
    '[null,"2","t","e",{}]',
    '["1","2","t","e",{},7]',
    '["1",2,"t","e",[]]',
    '["1","2",3,"e",[]]',
    '["1","' + "r" * 64 + '","t","e",[]]',
    '["1","' + "r" * 256 + '","t","e",[]]',
    '["1","2","t","e",' + "[" * 59 + "]" * 59 + "]",
    '["1","2","t","e",' + "[" * 63 + "]" * 63 + "]",
    '["1","2","t","e",' + "[" * 64 + "]" * 64 + "]",
    '["1","2","t","e","' + "[" * 200 + '"]',
    '["1","2","t","e",NaN]',
    b"\x00\x01\x01\x01\x0112tex",
    b"",
]


def outcome(decode: Any, frame: str | bytes) -> Any:
    try:
        return decode(frame)
    except InvalidMessage as error:
        return str(error)


@only_compiled
@given(json_text | st.sampled_from(ODD) | st.text(max_size=20))
def test_messages_are_decoded_as_the_pure_build_does(frame: str | bytes) -> None:
    ours, pure = outcome(v2.V2.decode, frame), outcome(v2._V2().decode, frame)
    assert ours == pure
    assert type(ours) is type(pure) in (Incoming, str)


@only_compiled
@pytest.mark.parametrize("response", [{"a": [1, None]}, {}, b"raw", "text", 7])
@pytest.mark.parametrize("ref", ["2", 2, None])
def test_replies_are_encoded_as_the_pure_build_does(ref: Any, response: Any) -> None:
    names = ("1", "2" if response == b"raw" else ref, "t", "ok")
    assert v2.V2.reply(*names, response) == v2._V2().reply(*names, response)


# -- memory


@only_compiled
def test_nothing_is_kept_of_what_has_passed() -> None:
    data = b"".join(masked(TEXT, each) for each in ("a", "x" * 300, "ü" * 70, "")) + b"\x81\xfe"
    bad = b"\x81\x81\0\0\0\0\xff"

    def pass_through() -> None:
        for _ in range(2000):
            compiled.parse(data, 1000)
            compiled.parse(bad, 1000)
            compiled.frame("ü" * 70)
            v2.V2.decode('["1","2","t","e",{"a":[1]}]')
            outcome(v2.V2.decode, "[")
            v2.V2.reply("1", "2", "t", "ok", {"a": 1})
            compiled.Reply("x", "ok")

    pass_through()
    gc.collect()
    before = sys.getallocatedblocks()
    pass_through()
    gc.collect()
    assert sys.getallocatedblocks() - before < 100
