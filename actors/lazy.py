"""Names of a package that are imported when they are first asked for (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy(
    namespace: dict[str, Any], names: Mapping[str, str]
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__all__``, ``__getattr__`` and ``__dir__`` of the package with those ``globals()``.

    ``names`` are those of each module, with spaces between; a module's own may be among them.
    Assign them where type checkers do not look, else a misspelt import would be ``Any`` to them.
    """
    package = namespace["__name__"]
    home = {name: module for module, of_it in names.items() for name in of_it.split()}

    def get(name: str) -> Any:
        where = home.get(name)
        if where is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(where)
        value = namespace[name] = module if where == f"{package}.{name}" else getattr(module, name)
        return value

    return sorted(home), get, lambda: [*namespace, *home]
