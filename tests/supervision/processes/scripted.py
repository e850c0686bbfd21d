"""A worker in a few lines, which does what the script says for its place in line.

Its options have ``"script"``: a deed for each worker that starts, the last for all that follow.
What the master tells it is printed. ``python -m tests.supervision.processes.scripted CHANNEL FDS``
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from pathlib import Path

from actors.packets import frame
from supervision.processes.channel import Channel

BEAT = 0.05
early = []  # what came together with the options
FACTS = {"grace": 2.0, "budget": [], "notes": []}


def told(channel, timeout=None):
    """Return what the master has said; nothing, after ``timeout`` seconds."""
    if early:
        found, early[:] = list(early), []
        return found
    if not select.select([channel], [], [], timeout)[0]:
        return []
    return list(channel.receive())


def say(*words):
    # In one write: the other workers print into the same pipe.
    os.write(1, f"{' '.join(map(str, (os.getpid(), *words)))}\n".encode())


def serve(channel, options, *, facts=FACTS, beats=True, answers={}):  # noqa: B006 - read alone
    """Be ready, and end when told to."""
    channel.send("bus")
    channel.send("ready", facts)
    while not channel.closed:
        for message in told(channel, BEAT):
            say(*message)
            if message[0] in answers:
                channel.send(*answers[message[0]])
            if message[0] in ("stop", "stop_now"):
                channel.send("stopping")
                sys.exit(0)
        if beats:
            channel.send("beat")
    say("orphaned")


def polite(channel, options):
    """Serve, and understand what workers of the first release do not."""
    serve(channel, options, facts={**FACTS, "understands": ["stand_back", "news"]})


def candidate(channel, options, *, gave_up=False):
    """Serve, and run what exists once when it is told to."""
    answers = {"appoint": ["resigned", True] if gave_up else ["runs", 7]}
    answers["resign"] = ["resigned", False]
    serve(channel, options, facts={**FACTS, "understands": ["appoint"]}, answers=answers)


def doomed(channel, options):
    """Serve, and end as soon as it is to run what exists once."""
    channel.send("ready", {**FACTS, "understands": ["appoint"]})
    while not any(message[0] == "appoint" for message in told(channel)):
        pass
    say("appoint")
    sys.exit(1)


def unfit(channel, options):
    """Serve, and find that what exists once cannot be kept here."""
    candidate(channel, options, gave_up=True)


def odd(channel, options):
    """Serve, and say of what it understands what makes no sense."""
    serve(channel, options, facts={**FACTS, "understands": [["stand_back"], 1]})


def stubborn(channel, options):
    """Be ready, give signs of life, and end never."""
    signal.signal(signal.SIGABRT, lambda *_: say("aborted"))
    channel.send("ready", FACTS)
    while not channel.closed:
        channel.send("beat")
        for message in told(channel, BEAT):
            say(*message)


def lasting(channel, options):
    """Be ready, and end only when told to end at once."""
    channel.send("ready", {**FACTS, "grace": 600.0})
    while not channel.closed:
        channel.send("beat")
        for message in told(channel, BEAT):
            if message[0] == "stop_now":
                sys.exit(0)


def late(channel, options, *, status=None):
    """Serve as ``polite`` does once SIGALRM comes; with a status, end with that instead."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])  # else it may come before the wait
    say("waits")
    parent = os.getppid()
    while signal.sigtimedwait([signal.SIGALRM], BEAT) is None:
        if os.getppid() != parent:  # a test that failed: its end waits for that of our output
            sys.exit(1)
    if status is not None:
        sys.exit(status)
    polite(channel, options)


def ticking(channel, options):
    """Serve, and say at each sign of life that there was one."""
    send = channel.send

    def told(*message):
        say("tick")
        send(*message)

    channel.send = told
    serve(channel, options)


def silent(channel, options):
    """Be ready, give no sign of life, and heed nothing but SIGABRT."""
    signal.signal(signal.SIGABRT, lambda *_: (say("aborted"), sys.exit(1)))
    channel.send("ready", FACTS)
    while True:
        signal.pause()


def deaf(channel, options):
    """Be ready, give signs of life, and read nothing until SIGALRM comes."""
    signal.signal(signal.SIGALRM, lambda *_: heard.append(True))
    heard = []
    channel.send("ready", FACTS)
    while not heard:
        channel.send("beat")
        select.select([], [], [], BEAT)
    serve(channel, options)


def counting(channel, options, *, final=True):
    """Serve, and count: one message with each beat, and ten before the end."""
    say("counts", options.get("totals"))

    def totals(count, **more):
        return {"series": {"messages_total": [[["in"], count]]}, "declared": {}, **more}

    channel.send("ready", FACTS)
    count = 0
    while not channel.closed:
        count += 1
        channel.send("beat", totals(count))
        for message in told(channel, BEAT):
            say(*message)
            if message[0] == "stop":
                channel.send("stopping")
                channel.send("beat", totals(count + 10, final=final))
                say("counted", count + 10)
                sys.exit(0)


def brief(channel, options):
    """Count a lot, in a message that takes several reads, and end at once."""
    many = [[[f"{number}", "x" * 99], 1] for number in range(1000)]
    series = {"connections_closed_total": many, "messages_total": [[["in"], 7]]}
    channel.send("beat", {"series": series, "declared": {}, "final": True})
    channel.send("beat", {"series": {}, "declared": {}, "final": True})
    sys.exit(1)


def fleeting(channel, options):
    """Be ready, and die before the first sign of life."""
    channel.send("ready", FACTS)
    os._exit(5)


def hang(channel, options):
    """Never be ready."""
    say("hangs")
    while True:
        signal.pause()


def obscure(channel, options):
    """Say what nobody understands, then serve."""
    for message in (["ready"], ["ready", {}], ["ready", {"grace": "long"}], ["hello", 1]):
        channel.send(*message)
    serve(channel, options)


def garbage(channel, options):
    """Break the protocol after being ready; then wait for the end of the channel."""
    channel.send("ready", FACTS)
    channel.sock.send(frame(b"\xc1"))
    while not channel.closed:
        told(channel)
    say("hung up on")


def hasty(channel, options):
    """Be ready and end, both at once."""
    channel.send("ready", FACTS)
    sys.exit(1)


def descriptors(channel, options):
    """Print what is open; the directory that is read is open too, and not counted."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        try:
            found.append(f"{path.name}={str(path.readlink()).partition(':')[0].split()[0]}")
        except OSError:
            continue
    say("open", *sorted(found))
    say("blocked", *sorted(number.name for number in signal.pthread_sigmask(0, [])))
    serve(channel, options)


def main():
    sock = socket.socket(fileno=int(sys.argv[1]))
    sock.setblocking(False)
    channel = Channel(sock)
    messages = []
    while not messages:
        messages = told(channel)
    options = messages[0][1]
    early.extend(messages[1:])
    script = options["script"]
    place = int(options["name"].rpartition("-")[2])
    deed = script[min(place, len(script)) - 1]
    Path(options["bus"], options["name"]).touch()
    say("runs", deed, "in slot", options["number"], "of reload", options.get("reload", 0))
    match deed.split():
        case ["late", "exit", status]:
            late(channel, options, status=int(status))
        case ["exit", status]:
            sys.exit(int(status))
        case ["kill", number]:
            os.kill(os.getpid(), int(number))
        case _:
            globals()[deed](channel, options)


if __name__ == "__main__":
    main()
