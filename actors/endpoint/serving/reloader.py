"""Reloads the application's changed modules, for development (Phoenix.CodeReloader)."""

from __future__ import annotations

import ast
import importlib
import logging
import os
import sys
from importlib.util import cache_from_source, resolve_name
from pathlib import Path
from types import ModuleType

from actors.crash_text import crash
from actors.errors import HTTPError
from actors.reasons import Shutdown
from actors.runtime import registry

logger = logging.getLogger("roost.endpoint")

_NOT_OURS = frozenset({"actors", "transports", "supervision", "__main__"})


class CodeReloader:
    """Called before each request that opens a connection.

    It looks at the files below ``root`` (default: the working directory) whose modules are
    imported, outside of virtual environments. A module whose file changed is executed again, then
    those that import it. Connections whose class was reloaded end with 1012, so that
    their clients come back to the new code; mounts find the new class by its name. What the
    endpoint itself is made of (mounts, options) needs a restart.
    """

    def __init__(self, root: str | None = None) -> None:
        self._root = os.path.realpath(root or os.curdir) + os.sep
        self._stamps: dict[str, int] = {}
        for name, module in self._modules().items():
            self._stamps[name] = _stamp(module)

    def __call__(self) -> None:
        """Reload what changed; :class:`HTTPError` 500 with the reason where that fails."""
        modules = self._modules()
        changed = [name for name, module in modules.items() if self._changed(name, module)]
        if not changed:
            return
        reloaded = _with_dependents(changed, modules)
        for name in reloaded:
            self._reload(name, modules[name])
        logger.info("reloaded %s", ", ".join(reloaded))
        for ref in registry.get_all():
            if ref.actor_class.__module__ in reloaded:
                ref.exit(Shutdown("restart"))

    def _modules(self) -> dict[str, ModuleType]:
        return {
            name: module
            for name, module in list(sys.modules.items())
            if name.partition(".")[0] not in _NOT_OURS and self._is_below(module)
        }

    def _is_below(self, module: ModuleType) -> bool:
        file = os.path.realpath(getattr(module, "__file__", None) or os.sep)
        return file.startswith(self._root) and "site-packages" not in Path(file).parts

    def _changed(self, name: str, module: ModuleType) -> bool:
        return self._stamps.setdefault(name, _stamp(module)) != _stamp(module)

    def _reload(self, name: str, module: ModuleType) -> None:
        stamp = _stamp(module)
        # Bytecode is told apart by whole seconds and size: an edit may have the same of both.
        Path(cache_from_source(str(module.__file__))).unlink(missing_ok=True)
        try:
            importlib.reload(module)
        except Exception as error:
            logger.error("reloading %s failed: %s", name, crash(error), exc_info=error)
            text = f"cannot reload {name}: {type(error).__name__}: {error}"
            raise HTTPError(500, text, (("content-type", "text/plain; charset=utf-8"),)) from None
        self._stamps[name] = stamp  # only now: what failed is tried again by the next request


def _stamp(module: ModuleType) -> int:
    try:
        return Path(str(module.__file__)).stat().st_mtime_ns
    except OSError:
        return 0  # deleted, or being replaced


def _with_dependents(changed: list[str], modules: dict[str, ModuleType]) -> list[str]:
    """Return ``changed`` and then, each once, the modules that import one of those before."""
    imports = {name: _imports(module) for name, module in modules.items()}
    found = list(changed)
    for name in found:
        found += [other for other in modules if other not in found and name in imports[other]]
    return found


def _imports(module: ModuleType) -> set[str]:
    """Return what the module's file imports, in full; with names that may be modules or not."""
    try:
        tree = ast.parse(Path(str(module.__file__)).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()  # it says so itself when it is reloaded
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            origin = resolve_name(origin, module.__package__ or "") if node.level else origin
            found.add(origin)
            found.update(f"{origin}.{alias.name}" for alias in node.names)
    return found
