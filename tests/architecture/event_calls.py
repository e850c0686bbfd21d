"""Which events the code tells, read from the code: names, measurements and metadata of each call.

A call is ``telemetry.execute`` or ``telemetry.span``. Its event is a text, or a constant of its
module; its mappings are written there, or above in the same function. What cannot be read so is no
use to who looks an event up, and is reported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.architecture.sources import Source


class Told(NamedTuple):
    """One event that a call tells; ``where`` is its file and line."""

    where: str
    name: str
    measurements: frozenset[str]
    metadata: frozenset[str]


class Unreadable(Exception):
    """Why a call cannot be read."""


def calls(source: Source) -> Iterator[Told | str]:
    """Yield what each call tells, or why that cannot be read."""
    tree = ast.parse(source.text)
    constants = texts(tree.body)
    for function in [tree, *scopes(tree)]:
        for node in own(function):
            method = called(node)
            if method is None:
                continue
            where = f"{source.path}:{node.lineno}"
            try:
                yield from read(method, node, where, constants, function)
            except Unreadable as error:
                yield f"{where}: {error}"


def asked(source: Source) -> Iterator[str]:
    """Yield each event about which ``telemetry.listens`` or ``telemetry.attached`` is asked."""
    tree = ast.parse(source.text)
    constants = texts(tree.body)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "telemetry.listens":
            name = node.args[0]
        elif isinstance(node, ast.Compare) and ast.unparse(node.comparators[0]) == (
            "telemetry.attached"
        ):
            name = node.left
        else:
            continue
        if isinstance(name, ast.Constant) or (isinstance(name, ast.Name) and name.id in constants):
            yield text_of(name, constants)


def read(
    method: str, call: ast.Call, where: str, constants: dict[str, str], function: ast.AST
) -> Iterator[Told]:
    if call.keywords or not 1 <= len(call.args) <= 3:
        raise Unreadable("arguments by name, or too many")
    name = text_of(call.args[0], constants)
    if method == "span":
        keys = keys_of(call.args[1], function) if len(call.args) > 1 else frozenset()
        yield Told(where, f"{name}.start", frozenset({"time"}), keys)
        yield Told(where, f"{name}.stop", frozenset({"duration"}), keys)
        yield Told(where, f"{name}.exception", frozenset({"duration"}), keys | {"error"})
        return
    if len(call.args) < 2:
        raise Unreadable("no measurements")
    metadata = keys_of(call.args[2], function) if len(call.args) > 2 else frozenset()
    yield Told(where, name, keys_of(call.args[1], function), metadata)


def called(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    module, _, name = ast.unparse(node.func).rpartition(".")
    return name if module == "telemetry" and name in {"execute", "span"} else None


def text_of(node: ast.AST, constants: dict[str, str]) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name) and node.id in constants:
        return constants[node.id]
    raise Unreadable(f"{ast.unparse(node)} is no text, nor a constant of this module")


def keys_of(node: ast.AST, function: ast.AST) -> frozenset[str]:
    """Return the keys of a mapping that is written there, or has this name in ``function``."""
    if isinstance(node, ast.Dict):
        return frozenset(key_of(key) for key in node.keys)
    if isinstance(node, ast.Name):
        found = {keys_of(value, function) for value in values_of(node.id, function)}
        if len(found) == 1:
            return found.pop()
    raise Unreadable(f"{ast.unparse(node)} is no mapping that is written here")


def key_of(key: ast.expr | None) -> str:
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return key.value
    raise Unreadable("a key that is no text")


def values_of(name: str, function: ast.AST) -> list[ast.AST]:
    """Return what ``name`` is in ``function``: the parts of a tuple too, each in its place."""
    found: list[ast.AST] = []
    for node in own(function):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id == name:
                found.append(node.value)
            elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = zip(target.elts, node.value.elts, strict=True)
                found += [value for to, value in pairs if ast.unparse(to) == name]
    return found


def texts(body: Iterable[ast.stmt]) -> dict[str, str]:
    """Return the constants of a module that are texts."""
    found = {}
    for node in body:
        target = None
        if isinstance(node, ast.AnnAssign):
            target = node.target
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
        value = getattr(getattr(node, "value", None), "value", None)
        if isinstance(target, ast.Name) and isinstance(value, str):
            found[target.id] = value
    return found


def scopes(tree: ast.AST) -> Iterator[ast.AST]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    return (node for node in ast.walk(tree) if isinstance(node, kinds))


def own(function: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of ``function``, without those of functions in it."""
    inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        if isinstance(node, inner):
            continue
        yield node
        waiting += ast.iter_child_nodes(node)
