"""What a class of actors may define: judged when it is made, with the name of what is wrong."""

from __future__ import annotations

import abc
import dataclasses
import functools
import inspect
import pydoc
import warnings
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pykka
import pytest

from actors import Actor, ChannelSocket, ConfigError, Endpoint, Ok, Reply, Socket, contract
from actors.contract import hints, one_edit
from supervision import DynamicSupervisor, Supervisor

FREE = ["run", "begin", "ending", "ended", "receive", "parked", "killed", "leave", "halt", "bury"]
FREE += ["cut_short", "handle_batch", "after_kill", "monitors", "answer", "inbox", "ref"]


def made(base: type = Socket, name: str = "Chat", /, **body: Any) -> type:
    return type(name, (base,), body)


def refusal(base: type = Socket, /, **body: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        made(base, **body)
    return str(caught.value)


class TestNames:
    @pytest.mark.parametrize("name", FREE)
    @pytest.mark.parametrize("base", [Actor, Socket, Supervisor])
    def test_a_plain_name_is_the_applications(self, base: type, name: str) -> None:
        made(base, **{name: lambda self: None})

    @pytest.mark.parametrize("base", [Actor, Socket, Supervisor, DynamicSupervisor])
    def test_what_must_not_be_overridden_is_refused_with_its_name(self, base: type) -> None:
        for each in contract._of(base):
            for name in each.reserved:
                for value in (lambda self: None, 7, property(lambda self: 7)):
                    assert refusal(base, **{name: value}).startswith(f"Chat.{name} would replace")

    def test_a_name_that_is_annotated_alone_overrides_nothing(self) -> None:
        class Chat(Socket):
            transport: Any
            dispatcher: Any

    def test_a_mixin_that_comes_first_overrides_and_is_named(self) -> None:
        class Loud:
            def on_batch(self) -> None: ...

        with pytest.raises(ConfigError, match=r"^Chat\.on_batch \(of Loud\) would replace"):
            type("Chat", (Loud, Socket), {})
        type("Chat", (Socket, Loud), {})  # ours is found first

    def test_a_mixin_that_is_no_actor_may_define_plain_names(self) -> None:
        class Runs:
            def run(self) -> str:
                return "ran"

        assert type("Chat", (Runs, Socket), {}).run(None) == "ran"

    @pytest.mark.parametrize(
        "value", [lambda self: 1, property(lambda self: 1), classmethod(lambda cls: 1)]
    )
    def test_a_state_that_no_instance_could_have_is_refused(self, value: Any) -> None:
        assert refusal(state=value).startswith("Chat.state: each instance has a value")

    def test_a_state_may_have_a_default_or_be_computed(self) -> None:
        made(state=None)
        made(state=property(lambda self: 1, lambda self, value: None))

    def test_our_own_packages_are_exempt(self) -> None:
        body = {"__module__": "transports.somewhere", "on_batch": lambda self, carrier: None}
        type("Ours", (Socket,), body)


async def later(self: Any, *rest: Any) -> None: ...


def yields(self: Any, *rest: Any) -> Any:
    yield Reply("x")


async def streams(self: Any, *rest: Any) -> Any:
    yield Reply("x")


def plain(self: Any, payload: Any, opcode: Any) -> None: ...


class Later:
    async def __call__(self, *rest: Any) -> None: ...


class TestCallbacks:
    @pytest.mark.parametrize("name", ["connect", "init", "handle_in", "handle_info", "terminate"])
    @pytest.mark.parametrize(
        "function",
        [
            later,
            streams,
            classmethod(later),
            staticmethod(later),
            functools.partial(later, None),
            functools.partialmethod(later, None),
            Later(),
        ],
    )
    def test_async_is_refused_and_told_what_to_do(self, name: str, function: Any) -> None:
        said = refusal(**{name: function})
        assert said.startswith(f"Chat.{name} is 'async def', and nothing would await it")
        assert "write 'def'" in said

    @pytest.mark.parametrize("name", ["on_receive", "on_start", "on_stop", "on_failure"])
    def test_pykkas_hooks_are_not_async_either(self, name: str) -> None:
        assert f"Chat.{name} is 'async def'" in refusal(Actor, **{name: later})

    def test_a_generator_is_refused(self) -> None:
        assert refusal(handle_in=yields).startswith("Chat.handle_in has a 'yield'")

    def test_connect_must_be_a_class_method(self) -> None:
        for function in (lambda self, info: Ok(None), lambda cls, info: Ok(None)):
            assert refusal(connect=function) == (
                "Chat.connect must be a class method: put @classmethod above it"
            )
        assert "class method" in refusal(connect=lambda self: Ok(None))
        assert "class method" in refusal(child_spec=lambda self, options: None)

    @pytest.mark.parametrize(
        ("name", "function", "said"),
        [
            ("handle_in", lambda self: 1, "(self): must take (self, payload, opcode)"),
            ("handle_in", lambda self, p: 1, "(self, p): must take (self, payload, opcode)"),
            ("handle_in", lambda self, a, b, c: 1, "(self, a, b, c): must take"),
            ("handle_in", lambda: 1, "(): must take"),
            ("handle_in", lambda self, a, *, b: 1, "(self, a, *, b): must take"),
            ("handle_info", lambda self: 1, "(self): must take (self, message)"),
            ("terminate", lambda self: 1, "(self): must take (self, reason)"),
            ("init", lambda self: 1, "(self): must take (self, state)"),
            ("connect", classmethod(lambda cls: 1), "(cls): must take (cls, info)"),
            ("connect", classmethod(lambda cls, a, b: 1), "(cls, a, b): must take (cls, info)"),
            ("connect", staticmethod(lambda: 1), "(): must take (info)"),
            ("drainer_spec", classmethod(lambda cls: 1), "(cls): must take (cls, options)"),
            ("handle_info", staticmethod(lambda a, b: 1), "(a, b): must take (message)"),
            ("handle_in", functools.partialmethod(plain, 1), "(self, opcode): must take"),
            ("handle_info", functools.partial(plain, 1), "(payload, opcode): must take (message)"),
        ],
    )
    def test_a_wrong_number_of_arguments_is_refused(
        self, name: str, function: Any, said: str
    ) -> None:
        assert refusal(**{name: function}).startswith(f"Chat.{name}{said}")

    def test_annotations_are_not_told(self) -> None:
        def handle_in(self: Any, payload: dict[str, list[int]]) -> None: ...

        assert refusal(handle_in=handle_in).startswith("Chat.handle_in(self, payload): must take")

    @pytest.mark.parametrize("value", [None, 7, "text"])
    def test_what_cannot_be_called_is_refused(self, value: Any) -> None:
        assert refusal(handle_in=value) == f"Chat.handle_in = {value!r}: must be a function"

    def test_a_mixin_is_judged_and_named(self) -> None:
        class Mixin:
            def handle_in(self, payload: Any) -> None: ...

        with pytest.raises(ConfigError, match=r"^Chat\.handle_in \(of Mixin\)\(self, payload\)"):
            type("Chat", (Mixin, Socket), {})

    def test_a_supervisors_init_takes_nothing(self) -> None:
        assert "must take (self)" in refusal(Supervisor, init=lambda self, state: 1)


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


def parsed(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(self: Any, payload: Any, opcode: Any) -> Any:
        return function(self, payload)

    return wrapper


def finished(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(self: Any, payload: Any, opcode: Any) -> Any:
        with pytest.raises(StopIteration) as caught:
            function(self, payload, opcode).send(None)
        return caught.value.value

    return wrapper


def foreign(function: Callable[..., Any]) -> Callable[..., Any]:
    """As some decorators do: the signature is that of what is wrapped, and is not the truth."""

    def wrapper(self: Any, payload: Any, opcode: Any) -> Any:
        return function(self, payload)

    wrapper.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return wrapper


class Handler:
    def __call__(self, payload: Any, opcode: Any) -> Reply:
        return Reply(payload)


def answer(self: Any, payload: Any, opcode: Any = None, *rest: Any, **more: Any) -> Reply:
    return Reply(payload)


def prefixed(self: Any, prefix: str, payload: Any, opcode: Any) -> Reply:
    return Reply(payload)


WORKING = {
    "defaults and more": answer,
    "anything": lambda *args, **kwargs: Reply(args[1]),
    "a static method": staticmethod(lambda payload, opcode: Reply(payload)),
    "a class method": classmethod(lambda cls, payload, opcode: Reply(payload)),
    "a partial method": functools.partialmethod(prefixed, "x"),
    "a partial method of a class method": functools.partialmethod(
        classmethod(lambda cls, prefix, payload, opcode: Reply(payload)), "x"
    ),
    "a partial": functools.partial(lambda prefix, payload, opcode: Reply(payload), "x"),
    "an object": Handler(),
    "a mock": Mock(side_effect=lambda payload, opcode: Reply(payload)),
    "decorated": logged(lambda self, payload, opcode: Reply(payload)),
    "decorated, with other arguments": parsed(lambda self, payload: Reply(payload)),
    "decorated, with another signature": foreign(lambda self, payload: Reply(payload)),
    "a cached one": functools.cache(lambda self, payload, opcode: Reply(payload)),
    "dispatched by type": functools.singledispatchmethod(answer),
    "positional only": lambda self, payload, opcode, /: Reply(payload),
    "a class": type("Made", (Reply,), {"__init__": lambda self, payload, opcode: None}),
    "a function in C": max,
    "a property": property(lambda self: lambda payload, opcode: Reply(payload)),
}


class TestWhatWorks:
    @pytest.mark.filterwarnings("ignore:functools.partial:FutureWarning")
    @pytest.mark.parametrize("case", WORKING)
    def test_a_callback_that_works_passes(self, case: str) -> None:
        chat = made(handle_in=WORKING[case])
        instance = chat.__new__(chat)
        assert instance.handle_in("x", "y") is not None  # it does work

    def test_an_async_function_that_a_decorator_runs_passes(self) -> None:
        class Chat(Socket):
            @finished
            async def handle_in(self, payload: Any, opcode: Any) -> Reply:
                return Reply(payload)

        assert Chat.__new__(Chat).handle_in("x", 1) == Reply("x")

    @pytest.mark.parametrize(
        "connect",
        [
            staticmethod(lambda info: Ok([info])),
            classmethod(lambda cls, info, *rest: Ok([info])),
            functools.partial(lambda database, info: Ok([info]), "database"),
            lambda info: Ok([info]),
            functools.partialmethod(classmethod(lambda cls, by, info: Ok([info])), "by"),
        ],
    )
    def test_a_connect_that_can_be_called_on_the_class_passes(self, connect: Any) -> None:
        assert made(connect=connect).connect("x") == Ok(["x"])

    def test_an_abstract_base_is_fine_until_it_is_mounted(self) -> None:
        class Base(Socket, abc.ABC):
            @abc.abstractmethod
            def handle_in(self, payload: Any, opcode: Any) -> Any: ...

        class Chat(Base):
            def handle_in(self, payload: Any, opcode: Any) -> Any: ...

        Endpoint().socket("/chat", Chat)
        with pytest.raises(ConfigError, match=r"Base is abstract: it does not define handle_in$"):
            Endpoint().socket("/base", Base)

    def test_pykkas_own_hooks_may_be_overridden(self) -> None:
        names = ["on_start", "on_stop", "on_receive", "on_failure", "stop", "start"]
        body = {name: lambda self, *rest: None for name in names}
        made(Actor, **body)
        made(Socket, **body)

    def test_a_subclass_with_slots_and_a_generic_one_pass(self) -> None:
        class Slotted(Socket):
            __slots__ = ("room",)

        class Typed(Socket[int]): ...

        class Both(Typed, Slotted): ...

        Endpoint().socket("/both", Both)

    def test_an_actor_of_pykka_is_none_of_ours(self) -> None:
        class Other(pykka.ThreadingActor):
            def on_batch(self) -> None: ...


class TestMounting:
    def test_a_class_that_takes_other_arguments_is_refused(self) -> None:
        chat = made(__init__=lambda self: None)  # fine for a base class
        with pytest.raises(ConfigError) as caught:
            Endpoint().socket("/chat", chat)
        assert str(caught.value) == (
            "socket '/chat': Chat.__init__(self): must take (self, transport, state)"
        )
        made(chat, __init__=lambda self, transport, state: None)

    @pytest.mark.parametrize("fields", [{}, {"room": str}, {"room": str, "name": str}])
    def test_a_dataclass_that_makes_an_init_is_refused(self, fields: dict[str, type]) -> None:
        chat = dataclasses.dataclass(made(__annotations__=fields))
        with pytest.raises(ConfigError, match=r"Chat: the dataclass must be made by .*init=False"):
            Endpoint().socket("/chat", chat)

    def test_other_dataclasses_pass(self) -> None:
        @dataclasses.dataclass(init=False)
        class Without(Socket):
            room: str = "lobby"

        @dataclasses.dataclass
        class Own(Socket):
            room: str = "lobby"

            def __init__(self, transport: Any, state: Any) -> None:
                super().__init__(transport, state)

        @dataclasses.dataclass(eq=False)
        class After(Socket):
            by: Any
            given: Any

            def __post_init__(self) -> None:
                super().__init__(self.by, self.given)

        for each in (Without, Own, After):
            Endpoint().socket("/x", each)

    def test_what_a_decorator_of_the_class_added_is_judged(self) -> None:
        def spoiled(cls: type) -> type:
            cls.handle_in = later  # type: ignore[attr-defined]
            return cls

        with pytest.raises(ConfigError, match=r"^socket '/x': Chat\.handle_in is 'async def'"):
            Endpoint().socket("/x", spoiled(made()))

    def test_an_init_in_c_is_not_judged(self) -> None:
        contract.judge_complete(int, ("transport", "state"))


class TestHints:
    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("handle_inn", "handle_in"),
            ("handel_in", "handle_in"),
            ("handle_ino", "handle_in"),
            ("handle_inf", "'handle_in' or 'handle_info'"),
            ("handleinfo", "handle_info"),
            ("conect", "connect"),
            ("terminte", "terminate"),
            ("terminates", "terminate"),
            ("on_recieve", "on_receive"),
            ("handle_controll", "handle_control"),
        ],
    )
    def test_a_name_one_edit_away_is_a_warning(self, name: str, meant: str) -> None:
        with pytest.warns(UserWarning, match=f"Chat.{name} is no callback.*did you mean .*{meant}"):
            made(**{name: answer})
        with pytest.warns(UserWarning, match=name):
            made(**{name: classmethod(answer)})

    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("channel", "channels"),
            ("max_chanels", "max_channels"),
            ("maxChannels", "max_channels"),
            ("mailbox_message", "mailbox_messages"),
        ],
    )
    def test_a_setting_that_is_nearly_named_is_a_warning(self, name: str, meant: str) -> None:
        words = f"UserSocket.{name} is no setting, nothing reads it: did you mean '{meant}'"
        with pytest.warns(UserWarning, match=words) as caught:
            chat = type("UserSocket", (ChannelSocket,), {name: 7})
        assert caught[0].filename == __file__
        assert hints(chat) == [str(caught[0].message)]

    @pytest.mark.parametrize("name", ["handleIn", "HandleIn", "handlein"])
    def test_capitals_and_underscores_are_near_too(self, name: str) -> None:
        with pytest.warns(UserWarning, match="did you mean 'handle_in'"):
            made(**{name: answer})

    def test_the_warning_says_where_the_name_is(self) -> None:
        with pytest.warns(UserWarning, match="handle_inn") as caught:
            made(handle_inn=answer)
        assert (caught[0].filename, caught[0].lineno) == (
            answer.__code__.co_filename,
            answer.__code__.co_firstlineno,
        )

    @pytest.mark.parametrize(
        "body",
        [
            {"_init": answer},  # private
            {"inits": 7},  # no function
            {"on_step": lambda self: 1},  # a word
            {"handle": answer, "handle_message": answer},  # two edits and more
            {"terminated": answer, "terminate": lambda self, reason: None},  # it has both
            {"stop": answer, "start": answer, "push": answer},  # known
        ],
    )
    def test_other_names_are_no_warning(self, body: dict[str, Any]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            made(**body)

    def test_mounting_warns_no_second_time(self) -> None:
        with pytest.warns(UserWarning, match="handle_inn"):
            chat = made(handle_inn=answer)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Endpoint().socket("/x", chat)

    @pytest.mark.parametrize(
        ("one", "other", "near"),
        [
            ("init", "init", False),
            ("init", "int", True),
            ("int", "init", True),
            ("unit", "init", True),
            ("inti", "init", True),
            ("ini", "init", True),
            ("inits", "init", True),
            ("nit", "init", True),
            ("it", "init", False),
            ("tini", "init", False),
            ("", "a", True),
            ("", "ab", False),
            ("ab", "ba", True),
            ("abc", "cba", False),
        ],
    )
    def test_one_edit(self, one: str, other: str, near: bool) -> None:
        assert one_edit(one, other) is near
        assert one_edit(other, one) is near


def test_the_first_lines_of_the_help_are_the_contract() -> None:
    shown = pydoc.plain(pydoc.render_doc(Socket)).splitlines()[:60]
    text = "\n".join(shown)
    for each in contract._of(Socket):
        if "handle_in" in each.callbacks:
            for name in (*each.callbacks, *each.class_callbacks):
                assert name in text
    for word in ("Ok(state)", "Error(reason)", "Reply(", "Push(", "Stop(", "async", "1011"):
        assert word in text
    for name in ("self.state", "self.push", "actor_ref.tell", "send_after", "exit_self"):
        assert name in text


async def _later(one):
    """Be called in vain."""


@pytest.mark.parametrize(
    ("function", "wrong"),
    [
        (lambda one: one, None),
        (lambda *many: many, None),
        (lambda: None, "must take (one)"),
        (lambda one, two: None, "must take (one)"),
        (_later, "async"),
    ],
)
def test_function_of_an_option_is_judged_by_how_it_is_called(function, wrong):
    said = contract.misfit(function, ("one",))
    assert said is None if wrong is None else wrong in said
