"""What a wheel holds: packages are found by their ``__init__.py``, data by the name of the file."""

from __future__ import annotations

import re
from fnmatch import fnmatch

from tests.architecture.sources import PACKAGES, ROOT


def package_files():
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    return [path for path in files if "__pycache__" not in path.parts]


def test_every_directory_of_modules_is_a_package():
    directories = {path.parent for path in package_files() if path.suffix == ".py"}
    assert {d for d in directories if not (d / "__init__.py").is_file()} == set()


def test_every_other_file_is_package_data():
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    patterns = re.findall(r'"([^"]+)"', re.search(r'package_data=\{"": \[(.*?)\]', setup)[1])
    others = {path.name for path in package_files() if path.suffix != ".py"}
    assert {name for name in others if not any(fnmatch(name, p) for p in patterns)} == set()


def test_every_package_is_typed():
    assert [p for p in PACKAGES if not (ROOT / p / "py.typed").is_file()] == []
