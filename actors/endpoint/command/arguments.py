"""The command's options; nothing here imports more than it takes to read them."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from actors import __version__
from actors.endpoint.command import output
from actors.endpoint.command.setting import FLAG, Setting
from actors.endpoint.command.settings import SETTINGS, TABLES
from actors.errors import ConfigError
from actors.options import did_you_mean


class Parser(argparse.ArgumentParser):
    """Reports what is wrong as one line."""

    def parse_args(self, arguments: Sequence[str]) -> argparse.Namespace:  # type: ignore[override]
        """Parse, and say what an unknown option may have meant."""
        given, unknown = self.parse_known_args(arguments)
        if unknown:
            name = unknown[0].partition("=")[0]
            if not name.startswith("-"):
                raise ConfigError(f"one application is served, {name!r} is one too many")
            known = [o for action in self._actions for o in action.option_strings if o[:2] == "--"]
            raise ConfigError(f"unknown option {name!r}{did_you_mean(name, known)}")
        return given

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise ConfigError(message.removeprefix("argument "))


def parser() -> Parser:
    """Return the command's options."""
    made = Parser(
        prog="python -m actors.endpoint",
        description="Serve an endpoint.",
        epilog="'broadcast' instead of an application publishes to a server that runs:"
        " see 'broadcast --help'.",
        allow_abbrev=False,
    )
    add_settings(made, SETTINGS)
    made.add_argument("--version", action=Version, nargs=0, help="say which versions run, and end")
    made.add_argument("--check", action="store_true", help="load and validate, serve nothing")
    made.add_argument("--print-limits", action="store_true", help="list every limit, and end")
    return made


def add_settings(parser: argparse.ArgumentParser, settings: Sequence[Setting]) -> None:
    """Add the option of each setting, under the heading of its table."""
    groups = {name: parser.add_argument_group(name, about) for name, about in TABLES.items()}
    for setting in settings:
        also = "; may be given several times" if setting.many else ""
        shown = f" (default: {setting.shown})" if setting.shown else ""
        kept: dict[str, Any] = {
            "help": f"{setting.help}{also}{shown}".replace("%", "%%"),
            "default": setting.default,
        }
        group = groups[setting.table]
        if setting.positional:
            parser.add_argument(setting.name, nargs="?", metavar=setting.metavar, **kept)
        elif setting.kind is FLAG:
            group.add_argument(setting.option, action=argparse.BooleanOptionalAction, **kept)
        else:
            kept |= {"metavar": setting.metavar, "type": as_type(setting.parse)}
            group.add_argument(setting.option, action="append" if setting.many else "store", **kept)


def as_type(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return ``parse`` as argparse wants it: what its ``ValueError`` says is said to the user."""

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parsed


class Version(argparse.Action):
    """Print the versions and end the command."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        output.write(sys.stdout, versions())
        parser.exit()


def versions() -> str:
    """Return our version, those of what we run on, without importing that, and the build."""
    from importlib import metadata  # noqa: PLC0415 - costs 20 ms, and is hardly ever asked for

    from actors.speedups import BUILD  # noqa: PLC0415 - the compiled build imports orjson

    found = [f"{name} {metadata.version(name)}" for name in ("gevent", "pykka")]
    return f"roost {__version__} (Python {platform.python_version()}, {', '.join(found)}, {BUILD})"
