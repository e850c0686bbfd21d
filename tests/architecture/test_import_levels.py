"""Who may import whom: the levels of docs/architecture.md, and what nobody may import or call."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Container, Iterable
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.architecture.sources import ROOT, Source, pure_modules, sources
from tests.support.command import unmeasured

LEVELS = {
    "actors": 5,  # the public names, lazily: they come from everywhere
    "actors.endpoint": 5,
    "actors.testing": 5,
    "transports": 4,
    "actors.socket": 3,
    "actors.channels": 3,
    "actors.pubsub": 3,
    "actors.registry": 3,
    "actors.presence": 3,
    "supervision": 2,
    "supervision.drills": 5,  # a tool that starts servers
    "actors.runtime": 1,
    "actors.client": 1,
    "actors.logs.context": 1,
    "actors.logs.told": 1,
    "actors.telemetry": 1,
}
IMPURE = {"gevent", "greenlet", "pykka", "socket", "time", "random"}
FORBIDDEN = {"pickle", "marshal", "shelve", "multiprocessing", "yaml"}
FORBIDDEN_CALLS = {"eval", "exec", "os.system", "os.popen"}
HEAVY = {"gevent", "greenlet", "pykka", "httptools", "orjson", "msgpack", "websockets", "ssl"}
MAX_LINES = 400
LONGER = {
    "actors/channels/channel.py": "applications subclass it: its docstrings are their reference",
    "actors/runtime/dispatcher.py": "one slice, from the poll to the sends, is one thought",
    "supervision/processes/slots.py": "what becomes of a slot, whoever asks, is one thought",
}
"""Files beyond ``MAX_LINES`` that were looked at, and why they stay whole."""
UPWARD: dict[tuple[str, str], str] = {}
"""Imports that may go up, and why: there is none."""
CIRCULAR: dict[tuple[str, str], str] = {}
"""Imports that may close a circle, and why: there is none."""
# Run by -m, and patch before they import.
PROGRAMS = ("__main__.py", "actors/endpoint/command/worker.py")


def level(module: str) -> int:
    """The level of the module, or of the nearest package over it that has one; else 0."""
    if module in pure_modules():
        return 0
    if module in LEVELS:
        return LEVELS[module]
    parent = module.rpartition(".")[0]
    return 0 if parent in {"", "actors"} else level(parent)


def ours(module: str) -> bool:
    return module.partition(".")[0] in {"actors", "transports", "supervision"}


def upward(source: Source) -> list[str]:
    return [
        f"{source.module} (level {level(source.module)}) imports {name} (level {level(name)})"
        for name in sorted(source.imports_with_types)
        if ours(name) and level(name) > level(source.module)
        if (source.module, name) not in UPWARD
    ]


def circle(among: Iterable[Source], allowed: Container[tuple[str, str]] = ()) -> list[str]:
    """Return the modules of a circle of imports, the first one again at its end; [] for none.

    An import for types, or in a function, closes a circle too: whoever reads one of the modules has
    to read them all, and each of them breaks with each.
    """
    imports = {
        source.module: {
            name
            for name in source.imports_with_types - {source.module}
            if ours(name) and (source.module, name) not in allowed
        }
        for source in among
    }
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found[::-1]
    return []


def impurities(source: Source) -> list[str]:
    return [
        f"{source.module} imports {name}"
        for name in sorted(source.imports)
        if name.partition(".")[0] in IMPURE or (ours(name) and name not in pure_modules())
    ]


def crossings(source: Source) -> list[str]:
    other = {
        "transports.websocket": "transports.longpoll",
        "transports.longpoll": "transports.websocket",
    }.get(".".join(source.module.split(".")[:2]))
    return [
        f"{source.module} imports {name}"
        for name in sorted(source.imports)
        if other and (name == other or name.startswith(f"{other}."))
    ]


def dangers(source: Source) -> list[str]:
    imports = {name.partition(".")[0] for name in source.imports}
    refused = imports & FORBIDDEN
    if not source.path.startswith(("supervision/processes/", "supervision/drills/")):
        refused |= imports & {"subprocess"}
    refused |= {ast.unparse(call.func) for call in source.calls} & FORBIDDEN_CALLS
    refused |= {
        "shell=True"
        for call in source.calls
        for keyword in call.keywords
        if keyword.arg == "shell" and ast.unparse(keyword.value) != "False"
    }
    return [f"{source.module} uses {name}" for name in sorted(refused)]


def violations(rule, among=None) -> str:
    return "\n".join(line for source in among or sources() for line in rule(source))


def test_nothing_imports_a_higher_level():
    assert violations(upward) == ""


def test_each_import_that_may_go_up_does():
    imports = {each.module: each.imports_with_types for each in sources()}
    assert [(importer, name) for importer, name in UPWARD if name not in imports[importer]] == []


def test_no_modules_import_each_other_in_a_circle():
    assert circle(sources(), CIRCULAR) == []


def test_each_circle_that_is_allowed_is_one():
    assert [edge for edge in CIRCULAR if not circle(sources(), CIRCULAR.keys() - {edge})] == []


def test_pure_files_import_pure_files_alone():
    pure = [source for source in sources() if source.module in pure_modules()]
    assert violations(impurities, pure) == ""


def test_websocket_and_longpoll_never_import_each_other():
    assert violations(crossings) == ""


def test_nothing_runs_text_or_unpacks_objects():
    assert violations(dangers) == ""


def test_a_file_of_over_400_lines_was_looked_at():
    lengths = {source.path: len(source.text.splitlines()) for source in sources()}
    assert {path for path, length in lengths.items() if length > MAX_LINES} == set(LONGER)


def run_python(code: str) -> str:
    # Measuring coverage, which a child would do as well, imports gevent on its own account.
    environ = unmeasured()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_actors_imports_nothing_heavy():
    loaded = run_python("import actors, sys; print(*sys.modules)").split()
    assert "actors" in loaded
    assert HEAVY.intersection(loaded) == set()


def test_importing_every_module_patches_nothing():
    modules = [s.module for s in sources() if not s.path.endswith(PROGRAMS)]
    imports = "\n".join(f"import {module}" for module in modules)
    assert run_python(f"{imports}\nfrom gevent import monkey\nprint(monkey.saved)") == "{}"


# What follows checks the checks: each finds what it is there to find.


@pytest.mark.parametrize(
    ("path", "text", "rule", "found"),
    [
        ("actors/runtime/x.py", "import transports.tcp.stream", upward, 1),
        ("actors/runtime/x.py", "def f():\n    from actors import Endpoint", upward, 1),
        ("actors/socket.py", "from transports import stream", upward, 1),
        ("actors/runtime/x.py", "if TYPE_CHECKING:\n    from actors.socket import S", upward, 1),
        ("supervision/x.py", "from actors.runtime import actor", upward, 0),
        ("transports/x.py", "from actors import endpoint", upward, 1),
        ("transports/x.py", "from . import stream", upward, 0),
        ("transports/http/x.py", "from ...actors import endpoint", upward, 1),
        ("transports/closing.py", "import time", impurities, 1),
        ("transports/closing.py", "from gevent.event import Event", impurities, 1),
        ("transports/closing.py", "from transports.tcp.stream import Stream", impurities, 1),
        ("transports/closing.py", "from actors.reasons import Reason\nimport re", impurities, 0),
        (
            "transports/closing.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import socket",
            impurities,
            0,
        ),
        (
            "transports/closing.py",
            "if TYPE_CHECKING:\n    pass\nelse:\n    import socket",
            impurities,
            1,
        ),
        ("transports/websocket/x.py", "from transports.longpoll import token", crossings, 1),
        ("transports/longpoll/x.py", "import transports.websocket", crossings, 1),
        ("transports/http/x.py", "import transports.websocket", crossings, 0),
        ("actors/x.py", "import pickle", dangers, 1),
        ("actors/x.py", "from multiprocessing import Pipe", dangers, 1),
        ("actors/x.py", "eval('1')", dangers, 1),
        ("actors/x.py", "pattern.exec('1')", dangers, 0),
        ("actors/x.py", "import subprocess", dangers, 1),
        ("supervision/processes/x.py", "import subprocess", dangers, 0),
        ("supervision/processes/x.py", "subprocess.run('ls', shell=True)", dangers, 1),
    ],
)
def test_rule_finds_what_it_is_for(path, text, rule, found):
    assert len(rule(Source(path, text))) == found


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("actors", 5),
        ("actors.endpoint.command.single", 5),
        ("actors.endpoint.options", 0),
        ("actors.reasons", 0),
        ("actors.runtime.actor", 1),
        ("actors.socket", 3),
        ("transports.http.connection", 4),
        ("transports.http.parser", 0),
    ],
)
def test_level_of_a_module(module, expected):
    assert level(module) == expected


@pytest.mark.parametrize(
    ("results", "reasons", "errors", "found"),
    [
        ("from actors import reasons", "import actors.errors", "", ""),
        ("import actors.results", "", "", ""),
        ("import actors.reasons", "import actors.results", "", "reasons results"),
        ("from . import reasons", "from .results import Ok", "", "reasons results"),
        ("def f():\n    import actors.reasons", "import actors.results", "", "reasons results"),
        (
            "if TYPE_CHECKING:\n    from actors.reasons import Reason",
            "from actors import results",
            "",
            "reasons results",
        ),
        (
            "import actors.reasons",
            "import actors.errors",
            "import actors.results",
            "errors reasons results",
        ),
    ],
)
def test_circle_is_found_and_can_be_allowed(results, reasons, errors, found):
    texts = {"results": results, "reasons": reasons, "errors": errors}
    among = [Source(f"actors/{name}.py", text) for name, text in texts.items()]
    modules = circle(among)
    assert sorted(modules[1:]) == [f"actors.{name}" for name in found.split()]
    assert modules[:1] == modules[-1:]
    if found:
        assert circle(among, {(modules[0], modules[1])}) == []
