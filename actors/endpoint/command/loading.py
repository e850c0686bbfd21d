"""Finding the application's endpoint: ``module:attribute``.

Whatever is wrong with it is a :class:`~actors.errors.ConfigError` of one line, which says where;
the stack of an application that raised goes to the log, at debug level where it is one frame.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from actors.crash_text import application_is_at, crash, depth, described, place
from actors.errors import ConfigError
from actors.logs import filtering
from actors.options import did_you_mean

if TYPE_CHECKING:
    from actors.endpoint.definition import Endpoint

logger = logging.getLogger("roost.endpoint")

_OURS = ("actors", "supervision", "transports")


def load(path: str, *, with_stack: bool = False) -> Endpoint:
    """Import the module and return the endpoint; hide from now on what it says is secret.

    ``with_stack``: of an application that raises, show the stack in any case.
    """
    from actors.endpoint.definition import Endpoint  # noqa: PLC0415 - after the log is set up

    module_name, _, attribute = path.partition(":")
    if not module_name or not attribute:
        raise ConfigError(f"{path!r}: must be module:endpoint, such as {_guess(path)}")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    _claim(module_name.partition(".")[0])
    found: Any = _import(module_name, with_stack=with_stack)
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            hint = did_you_mean(name, _candidates(found, Endpoint))
            raise ConfigError(f"{module_name!r} has no attribute {attribute!r}{hint}") from None
    if not isinstance(found, Endpoint):
        raise ConfigError(f"{path!r} is a {type(found).__name__}, not an Endpoint")
    filtering.use(filtering.parameters(found.options.filter_parameters))
    return found


def _guess(path: str) -> str:
    """Return what somebody who wrote ``chat`` or ``chat.py`` may have meant."""
    name = path.partition(":")[0].removesuffix(".py").replace("/", ".")
    return f"{name.strip('.') or 'chat'}:endpoint"


def _claim(package: str) -> None:
    """Let crashes be found in the application's package also where it is installed."""
    if package in _OURS:
        return  # the demo
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return
    for path in (spec and spec.submodule_search_locations) or ():
        application_is_at(path)


def _import(name: str, *, with_stack: bool = False) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ConfigError as error:
        at = place(error)
        raise ConfigError(f"{error} at {at}" if at else f"{name}: {error}") from None
    except BaseException as error:  # the application's code may raise anything
        frames = depth(error)
        said = crash(error) if frames or isinstance(error, SyntaxError) else described(error)
        # A stack of one frame says no more than the line that the command ends with.
        level = logging.ERROR if frames > 1 or with_stack else logging.DEBUG
        logger.log(level, "importing %s failed: %s", name, said, exc_info=error)
        hint = ""
        if not frames and (name.endswith(".py") or "/" in name):
            hint = f" (did you mean {_guess(name)}?)"
        text = f"cannot import {name!r}: {said}{hint}"
        raise ConfigError(text) from None


def _candidates(found: object, wanted: type) -> list[str]:
    """Return the names of endpoints there; where there is none, all public names."""
    names = [name for name in dir(found) if not name.startswith("_")]
    return [n for n in names if isinstance(getattr(found, n, None), wanted)] or names
