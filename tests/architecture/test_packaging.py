"""What a wheel holds: packages are found by their ``__init__.py``, data by the name of the file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from email import message_from_string
from fnmatch import fnmatch

import pytest

import actors
from tests.architecture.sources import PACKAGES, ROOT


def package_files():
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    built = {".so", ".c"}  # of the compiled build, which is none of the package's sources
    return [path for path in files if "__pycache__" not in path.parts and path.suffix not in built]


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


@pytest.fixture(scope="module")
def info(tmp_path_factory):
    """The metadata as the build writes it."""
    place = tmp_path_factory.mktemp("info")
    command = [sys.executable, "setup.py", "-q", "egg_info", "--egg-base", str(place)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return place / "roost.egg-info"


@pytest.fixture(scope="module")
def published(info):
    """What an index of packages is told."""
    return message_from_string((info / "PKG-INFO").read_text(encoding="utf-8"))


def test_the_version_is_stated_once(published):
    assert published["Version"] == actors.__version__
    assert "version=VERSION" in (ROOT / "setup.py").read_text(encoding="utf-8")


def test_links_of_the_readme_work_away_from_the_repository(published):
    links = re.findall(r"\]\(([^)]+)\)", published.get_payload())
    assert len(links) > 10
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    ours = {link.partition(f"/v{actors.__version__}/")[2] for link in links} - {""}
    assert {path for path in ours if not (ROOT / path.partition("#")[0]).exists()} == set()


def test_a_reader_of_the_index_finds_project_and_platform(published):
    named = {line.partition(",")[0] for line in published.get_all("Project-URL")}
    assert {"Documentation", "Changelog", "Source"} <= named
    assert published["Platform"] == "Linux"
    assert "Operating System :: POSIX :: Linux" in published.get_all("Classifier")


def test_every_extra_installs_something(info):
    sections = re.split(
        r"^\[(\w+)\]$", (info / "requires.txt").read_text("utf-8"), flags=re.MULTILINE
    )
    extras = dict(zip(sections[1::2], sections[2::2], strict=True))
    assert set(extras) == {"dev", "ops", "redis", "reload", "schemas", "test"}
    assert [name for name, text in extras.items() if not text.strip()] == []


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("environment", "build"), [({"CC": "/bin/false"}, "pure"), ({"ROOST_PURE": "1"}, "pure")]
)
def test_it_builds_and_runs_without_a_compiler(tmp_path, environment, build):
    source = tmp_path / "source"
    # Above all what is written meanwhile: other tests run beside these.
    ignored = shutil.ignore_patterns(".*", "*.so", "*.c", "tests", "benchmarks", "build", "reports")
    shutil.copytree(ROOT, source, ignore=ignored)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command = [*pip, "--no-deps", "--target", str(tmp_path / "there"), str(source)]
    environ = {name: value for name, value in os.environ.items() if name != "ROOST_PURE"}
    subprocess.run(command, env=environ | environment, check=True, capture_output=True)
    there = tmp_path / "there"
    assert list(there.glob("actors/_speedups*.so")) == []
    # Without site-packages, where an editable installation says that submodules are elsewhere.
    code = (
        "import sys; sys.path[0] = sys.argv[1]; from actors import speedups; print(speedups.BUILD)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, str(there)],
        env=environ, cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.strip() == build
