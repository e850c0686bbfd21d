"""The distribution's metadata; tools are configured in pyproject.toml."""

from __future__ import annotations

import os
import re
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent
CODE = (ROOT / "actors/__init__.py").read_text(encoding="utf-8")
VERSION = re.search(r'^__version__ = "([^"]+)"$', CODE, re.MULTILINE)[1]

# Where the repository is published; the name stands for it until there is one (RFC 2606).
REPOSITORY = "https://roost.example"
FILES = f"{REPOSITORY}/blob/v{VERSION}"


def described() -> str:
    """Return the README with links that work away from the repository."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.sub(r"\]\((?![a-z]+:|#)", f"]({FILES}/", text)


def extensions() -> list[Extension]:
    """Return the compiled hot path, which may fail to build: docs/adr/0017-a-compiled-loop.md."""
    if os.environ.get("ROOST_PURE", "") not in {"", "0"}:
        return []
    source = "actors/_speedups.pyx"  # the .c beside it where Cython is not there
    return [Extension("actors._speedups", [source], extra_compile_args=["-O3"], optional=True)]


class SourceDistribution(sdist):
    """With the C that Cython makes, so that who builds from it needs a C compiler alone."""

    def run(self) -> None:
        from Cython.Build import cythonize  # noqa: PLC0415 - of the build's environment

        cythonize(["actors/_speedups.pyx"], force=True)
        super().run()


REDIS = ["hiredis>=3"]
OPS = ["prometheus-client>=0.22"]
RELOAD = ["watchfiles>=1.1"]
TEST = [
    *REDIS,
    *OPS,
    *RELOAD,
    "django>=5.2",
    "flask>=3",
    "gunicorn>=25.1",
    "h11>=0.16",
    "httpx>=0.28",
    "hypothesis>=6.100",
    "kosoku==0.1.0",
    "msgspec>=0.19",
    "phxsocket==0.1.5",
    "pydantic>=2.11",
    "pytest>=9,<10",
    "pytest-cov>=7",
    "pytest-timeout>=2.4",
    "pyyaml>=6",
    "redis>=6",
    "selenium>=4.40",
    "setuptools>=77",
    "websocket-client>=1.8",
]
# Exact versions: a new rule or a changed stub is taken on purpose, not by a fresh checkout.
TYPES = [
    "mypy==2.4.1",
    "msgpack-types==0.8.0",
    "types-gevent==26.9.0.20261006",
    "types-greenlet==3.5.0.20260518",
]
CHECK = ["ruff==0.17.6"]

setup(
    name="roost",
    version=VERSION,
    description="Socket actors over WebSocket and long polling, after Phoenix, on gevent and Pykka",
    long_description=described(),
    long_description_content_type="text/markdown",
    url=REPOSITORY,
    project_urls={
        "Documentation": f"{FILES}/README.md",
        "Changelog": f"{FILES}/CHANGELOG.md",
        "Source": REPOSITORY,
    },
    platforms=["Linux"],
    author="The Roost developers",
    license="Apache-2.0",
    license_files=["LICENSE"],
    keywords=["websocket", "actor", "gevent", "pykka", "phoenix", "realtime"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: Implementation :: CPython",
        "Topic :: Internet :: WWW/HTTP :: HTTP Servers",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    packages=find_packages(
        include=[
            f"{package}{sub}"
            for package in ("actors", "transports", "supervision")
            for sub in ("", ".*")
        ]
    ),
    package_data={"": ["py.typed", "*.html", "*.js", "*.css", "*.svg", "*.pyx", "*.pyi"]},
    exclude_package_data={"": ["*.c"]},
    ext_modules=extensions(),
    entry_points={"console_scripts": ["roost = actors.endpoint.command.entry:main"]},
    cmdclass={"sdist": SourceDistribution},
    install_requires=[
        "gevent>=25.8",
        "gevent-websocket>=0.10.1",
        "httptools>=0.7",
        "msgpack>=1.1",
        "orjson>=3.10",
        # Hooks of pykka.Actor are overridden, protected ones too: docs/adr/0003.
        "pykka>=4.4,<5",
        # Its speedups are not promised either; without them transports.websocket.mask goes on.
        "websockets>=14,<18",
    ],
    extras_require={
        "ops": OPS,
        "redis": REDIS,
        "reload": RELOAD,
        "schemas": ["msgspec>=0.19"],
        "test": TEST + TYPES,
        "dev": TEST + TYPES + CHECK,
    },
)
