"""Imports of an application that is being edited: from its source, never from bytecode.

Bytecode is told apart from its source by whole seconds and size, and an edit may have the same of
both. What is not the application's (libraries, and virtual environments in its directory) is
imported as ever.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path

from actors.endpoint.command.watched import below, is_left_out


def import_fresh(roots: Sequence[str]) -> None:
    """Read no bytecode of what is below ``roots``, and write none, from now on."""
    real = [str(Path(root).resolve()) for root in roots]

    class Loader(SourceFileLoader):
        """Knows no time of the application's files: without one there is no use for bytecode."""

        def path_stats(self, path: str) -> Mapping[str, float]:
            relative = below(str(Path(path).resolve()), real)
            if relative is not None and not any(map(is_left_out, relative.parts[:-1])):
                raise OSError("bytecode is not used for what is being edited")
            return super().path_stats(path)

    sys.path_hooks.insert(
        0,
        FileFinder.path_hook(
            (ExtensionFileLoader, EXTENSION_SUFFIXES),
            (Loader, SOURCE_SUFFIXES),
            (SourcelessFileLoader, BYTECODE_SUFFIXES),
        ),
    )
    sys.path_importer_cache.clear()
