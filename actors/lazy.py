"""Names of a package that are imported when they are first asked for (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy(
    namespace: dict[str, Any], home: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for the package whose ``globals()`` are given.

    ``home`` says in which module each name is; a name that is a module says its own. Assign them
    where type checkers do not look, else a misspelt import would be ``Any`` to them.
    """
    package = namespace["__name__"]

    def get(name: str) -> Any:
        where = home.get(name)
        if where is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(where)
        value = namespace[name] = module if where == f"{package}.{name}" else getattr(module, name)
        return value

    return get, lambda: [*namespace, *home]
