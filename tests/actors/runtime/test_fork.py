"""What a forked child has of the runtime. Each test forks in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

PRELUDE = """
import os, sys, warnings
import pykka
from actors.runtime import Actor, get_dispatcher, registry
warnings.simplefilter("ignore", DeprecationWarning)

class Echo(Actor):
    def on_receive(self, message):
        return message

def in_child(test):
    child = os.fork()
    if not child:
        try:
            test()
        except BaseException as error:
            print("the child failed:", repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_the_childs_registry_is_empty_and_its_refs_are_dead() -> None:
    assert (
        run("""
ref = Echo.start()

def test():
    assert registry.get_all() == []
    assert not ref.is_alive()
    for call in (lambda: ref.tell("x"), lambda: ref.ask("x")):
        try:
            call()
        except pykka.ActorDeadError:
            continue
        raise AssertionError("the child talks to its parent's actor")
    ref.kill()
    ref.exit()

print(in_child(test), registry.count(), ref.ask("the parent's lives"))
""")
        == "0 1 the parent's lives"
    )


def test_the_child_has_none_of_its_parents_names() -> None:
    assert (
        run("""
from actors import whereis
from supervision import ChildSpec, Supervisor

class Process:
    exit_reason = None
    exit = kill = wait = demonitor = lambda self, *args: True
    monitor = lambda self, watcher: 0

Supervisor.start([
    ChildSpec(id="a", start=Echo.start, name="actor"),
    ChildSpec(id="p", start=Process, name="process"),
])

def test():
    assert whereis("actor") is None
    assert whereis("process") is None

print(in_child(test), whereis("actor").ask("still"), type(whereis("process")).__name__)
""")
        == "0 still Process"
    )


def test_the_child_may_not_start_an_actor() -> None:
    assert run("""
get_dispatcher()

def test():
    try:
        Echo.start()
    except RuntimeError as error:
        print(error, flush=True)

print(in_child(test))
""").splitlines() == ["actors do not survive os.fork: exec a new process instead", "0"]


def test_the_childs_end_leaves_the_parents_descriptors_alone() -> None:
    assert (
        run("""
import socket
from gevent.event import Event
one, two = socket.socketpair()
read = Event()
get_dispatcher().register(one.fileno(), 1, lambda mask: (one.recv(1), read.set()))

def test():
    try:
        get_dispatcher()
    except RuntimeError:
        pass
    one.close()

status = in_child(test)
two.send(b"x")
print(status, read.wait(5))
""")
        == "0 True"
    )


def test_a_process_that_forks_before_it_has_a_dispatcher_loses_nothing() -> None:
    assert (
        run("""
def test():
    ref = Echo.start()
    assert ref.ask("x", timeout=5) == "x"
    print(ref.actor_urn, flush=True)

print(in_child(test), in_child(test))
ref = Echo.start()
print(ref.ask("x", timeout=5), ref.actor_urn)
""").count("urn:roost:")
        == 3
    )


def test_urns_of_children_differ() -> None:
    urns = run("""
def test():
    print(Echo.start().actor_urn, flush=True)

assert in_child(test) == in_child(test) == 0
print(Echo.start().actor_urn)
""").splitlines()
    assert len(set(urns)) == 3


def test_a_process_that_is_execed_is_new() -> None:
    assert (
        run("""
import subprocess
ref = Echo.start()
code = "from actors.runtime import Actor, registry; Actor.start(); print(registry.count())"
done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
print(done.stdout.strip(), ref.ask("x"))
""")
        == "1 x"
    )
