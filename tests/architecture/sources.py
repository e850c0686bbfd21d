"""What the architecture tests read: every source file, what it imports and what it calls."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("actors", "transports", "supervision")


@dataclass(frozen=True)
class Source:
    """One module; ``path`` is relative to the repository."""

    path: str
    text: str

    @property
    def module(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def package(self) -> str:
        is_package = self.path.endswith("/__init__.py")
        return self.module if is_package else self.module.rpartition(".")[0]

    @property
    def nodes(self) -> list[ast.AST]:
        """Every node that runs: what stands under ``if TYPE_CHECKING`` does not."""
        return list(running(ast.parse(self.text)))

    # What is kept is small: trees are many objects, which every collection would walk over.

    @cached_property
    def imports(self) -> set[str]:
        """Each module that is imported when the code runs, be it in a function."""
        return imported(self.nodes, self.package)

    @cached_property
    def imports_with_types(self) -> set[str]:
        """These, and those that are imported for types alone."""
        return imported(ast.walk(ast.parse(self.text)), self.package)

    @property
    def calls(self) -> list[ast.Call]:
        return [node for node in self.nodes if isinstance(node, ast.Call)]


def running(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for other in child.orelse:
                yield from running(other)
        else:
            yield from running(child)


def imported(nodes: Iterable[ast.AST], package: str) -> set[str]:
    """Each imported module, in full; a name that is imported from a package is that package."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = absolute(node, package)
            found.update(
                f"{origin}.{alias.name}" if is_module(f"{origin}.{alias.name}") else origin
                for alias in node.names
            )
    return found


def absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parents = package.split(".")
    above = parents[: len(parents) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or path.is_dir()


@cache
def sources() -> tuple[Source, ...]:
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return tuple(Source(str(p.relative_to(ROOT)), p.read_text(encoding="utf-8")) for p in paths)


@cache
def pure_modules() -> frozenset[str]:
    lines = (Path(__file__).parent / "pure_files.txt").read_text(encoding="utf-8").splitlines()
    globs = [line for line in lines if line and not line.startswith("#")]
    listed = {str(path.relative_to(ROOT)) for glob in globs for path in ROOT.glob(glob)}
    return frozenset(source.module for source in sources() if source.path in listed)
