"""Every name of an actor has its place: a callback, one that is called, or one that is refused."""

from __future__ import annotations

import pytest

from actors import Actor, Socket, contract
from supervision import DynamicSupervisor, Supervisor
from supervision.parent import Parent

CALLED = {
    # What an application calls, and may wrap.
    "exit_self", "monitor", "demonitor", "push", "send_after", "start",
    # What it may declare, and hooks with a default that does nothing or logs.
    "crash_on_ask", "mailbox_bytes", "mailbox_messages", "mailbox_policy",
    "on_blocked", "on_crash", "on_ending", "on_killed",
    # What supervisors serve.
    "child_ended", "child_type", "clock", "count_children", "delete_child",
    "get_childspec", "ref_class", "restart_child", "start_child", "stop_children",
    "terminate_child", "try_again", "which_child", "which_children",
    # Old names, which work for one release.
    "begin", "leave", "receive",
}  # fmt: skip


def declared(cls: type) -> set[str]:
    found: set[str] = set()
    for each in contract._of(cls):
        found |= {*each.callbacks, *each.class_callbacks, *each.reserved, *each.values}
    return found


@pytest.mark.parametrize("cls", [Actor, Socket, Parent, Supervisor, DynamicSupervisor])
def test_a_public_name_is_a_callback_reserved_or_to_be_called(cls: type) -> None:
    known = declared(cls) | CALLED
    unplaced = [name for name in vars(cls) if name[0] != "_" and name not in known]
    assert unplaced == [], f"say what these are in contract.declare({cls.__name__}, ...)"


@pytest.mark.parametrize("cls", [Actor, Socket])
def test_a_private_name_is_mangled_or_reserved(cls: type) -> None:
    mangled = (f"_{cls.__name__}__", "__", "_abc_")
    private = [name for name in vars(cls) if name[0] == "_" and not name.startswith(mangled)]
    assert [name for name in private if name not in declared(cls)] == []


def test_a_callback_is_no_name_that_is_only_called() -> None:
    """What ``handle_*`` and ``init`` are called for is a callback, whoever adds one."""
    callbacks = {name for each in contract._of(Socket) for name in each.callbacks}
    assert {name for name in dir(Socket) if name.startswith("handle_")} <= callbacks
