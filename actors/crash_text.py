"""What the log says of an exception: its type and text, its place, its stack.

Everything here is bounded, never raises, has no control characters in it, and no secret that has a
name (:mod:`actors.logs.filtering`), whatever the exception and its ``__str__`` do.
Newlines in a stack are ours: those within an exception's text are escaped.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

from actors.logs.escaping import escaped
from actors.logs.filtering import hidden

MAX_TEXT: Final = 200
"""Characters of an exception's text in a line."""

MAX_DETAIL: Final = 2000
"""The same in a stack."""

MAX_STACK: Final = 16_384
"""Characters of a stack."""

FIRST_FRAMES, LAST_FRAMES = 8, 22
MAX_CHAIN: Final = 5
"""Exceptions that are followed by ``__cause__`` and ``__context__``, the newest ones."""

MAX_GROUP: Final = 5
"""Exceptions of a group that are shown, and at most so many levels of groups."""

_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"

_ROOT = Path(__file__).resolve().parent.parent
_OURS: Final = tuple(f"{_ROOT / name}{os.sep}" for name in ("actors", "transports", "supervision"))
_LIBRARY: Final = tuple(
    {f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib")}
    | {os.path.dirname(os.__file__) + os.sep}  # noqa: PTH120 - a text, as co_filename is
)
_INSTALLED = re.compile(r"[/\\](?:site|dist)-packages[/\\]")

_homes: list[str] = []


class _Answered(str):
    """A note of an error: the callback whose answer it is about, as :func:`place` has it."""

    __slots__ = ()


def application_is_at(path: str) -> None:
    """Take what is below the directory ``path`` for the application's, installed or not."""
    _homes.append(path.rstrip(os.sep) + os.sep)
    _is_application.cache_clear()


def said(error: BaseException) -> str:
    """Return the error's text, without its type, on one line."""
    return _text(error, MAX_DETAIL)


def described(error: BaseException, limit: int = MAX_TEXT) -> str:
    """Return the error's type and ``limit`` characters of its text, on one line."""
    return f"{type(error).__name__}: {_text(error, limit)}"


def crash(error: BaseException) -> str:
    """Return :func:`described` and the error's place, as in ``KeyError: 'a' at app.py:31 in f``."""
    at = place(error)
    return f"{described(error).rstrip()} at {at}" if at else described(error)


def blame(error: BaseException, callback: Callable[..., object]) -> None:
    """Note that ``error`` is about what ``callback`` answered, which has returned by then.

    Where the stack of ``error`` has no line of the application's, :func:`place` is there.
    """
    code = getattr(callback, "__code__", None)
    if isinstance(code, CodeType) and _is_application(code.co_filename):
        at = f"{_shown(code.co_filename)}:{code.co_firstlineno} in {_cut(code.co_name)}"
        error.add_note(_Answered(at))


def place(error: BaseException) -> str:
    """Return the application's line that ``error`` came out of: ``app.py:31 in handle_in``.

    That is the innermost frame that is not of Roost, of the standard library or of an installed
    package; of the exceptions behind ``error`` where its own stack has none. With none at all it is
    the callback that is to blame (:func:`blame`), or the innermost frame. A syntax error is where
    it was found. ``""`` where nothing was raised.
    """
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{_shown(str(error.filename))}:{error.lineno}"
    innermost = None
    for each in _related(error):
        frames = [(frame, line) for frame, line in traceback.walk_tb(each.__traceback__)]
        for frame, line in reversed(frames):
            if _is_application(frame.f_code.co_filename) and not _generated(frame.f_code):
                return _point(frame, line)
        if innermost is None and frames:
            innermost = _point(*frames[-1])
    answered = [note for note in _notes(error) if isinstance(note, _Answered)]
    return answered[0] if answered else innermost or ""


def callback(frame: FrameType | None) -> str:
    """Return the application's outermost function below ``frame``, and the line that it is at.

    As in ``Chat.handle_in at app.py:31``: that is what was called of the application's, whatever it
    calls in turn. ``""`` where none of it is on that stack.
    """
    found = None
    while frame is not None:
        if _is_application(frame.f_code.co_filename):
            found = frame
        frame = frame.f_back
    return "" if found is None else _called(found, found.f_lineno)


def callback_of(error: BaseException) -> str:
    """Return the same of the stack that ``error`` came out of."""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if _is_application(frame.f_code.co_filename):
            return _called(frame, line)
    return ""


def _called(frame: FrameType, line: int) -> str:
    code = frame.f_code
    return f"{_cut(code.co_qualname)} at {_shown(code.co_filename)}:{line}"


def depth(error: BaseException) -> int:
    """Return how many frames the stack of ``error`` has from the application's first one on."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    first = next((n for n, file in enumerate(files) if _is_application(file)), len(files))
    return sum(not file.startswith("<frozen ") for file in files[first:])


def stack(error: BaseException) -> str:
    """Return the stack of ``error`` and of the errors behind it, the oldest first.

    Its middle is left out where it is long.
    """
    try:
        text = "\n".join(_stack_lines(error))
    except Exception as failure:  # noqa: BLE001 - the log goes on, whatever an application's error is
        return f"(the stack cannot be shown: {type(failure).__name__})"
    if len(text) > MAX_STACK:
        half = MAX_STACK // 2
        text = f"{text[:half]}\n... {len(text) - 2 * half} characters ...\n{text[-half:]}"
    return text


def _stack_lines(error: BaseException) -> Iterator[str]:
    chain = list(_chain(error))
    if len(chain) > MAX_CHAIN or _behind(chain[-1][0]) is not None:
        yield "... (the errors before these are left out)"
    for each, link in reversed(chain[:MAX_CHAIN]):
        yield from _one(each)
        if link:
            yield from ("", link, "")


def _one(error: BaseException, depth: int = 0) -> Iterator[str]:
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):"
        yield from _frames(error)
    yield described(error, MAX_DETAIL)
    if isinstance(error, SyntaxError) and error.filename:
        source = _cut(str(error.text or "").strip())
        yield f'  File "{_cut(error.filename)}", line {error.lineno}: {source}'
    for note in _notes(error):
        told = "what this callback answered: " if isinstance(note, _Answered) else ""
        yield f"  {told}{_cut(note)}"
    if isinstance(error, BaseExceptionGroup):
        inner = error.exceptions
        for number, each in enumerate(inner[:MAX_GROUP] if depth < MAX_GROUP else (), 1):
            yield f"  ---- {number} of {len(inner)} ----"
            for line in _one(each, depth + 1):
                yield f"  {line}"


def _notes(error: BaseException) -> list[object]:
    notes = getattr(error, "__notes__", ())
    return notes[:MAX_GROUP] if isinstance(notes, list) else []


def _frames(error: BaseException) -> Iterator[str]:
    frames = list(traceback.walk_tb(error.__traceback__))
    left = len(frames) - FIRST_FRAMES - LAST_FRAMES
    parts = [frames[:FIRST_FRAMES], frames[FIRST_FRAMES + left :]] if left > 0 else [frames]
    for number, part in enumerate(parts):
        if number:
            yield f"  ... {left} frames ..."
        for entry in traceback.StackSummary.extract(iter(part)).format():
            for line in entry.rstrip("\n").split("\n"):
                yield _cut(line)


def _related(error: BaseException) -> Iterator[BaseException]:
    """Yield ``error``, those in it if it is a group, and those behind it; each once."""
    waiting = [error]
    seen: set[int] = set()
    while waiting and len(seen) < MAX_CHAIN * MAX_GROUP:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions[:MAX_GROUP]
        behind = _behind(each)
        if behind is not None:
            waiting.append(behind[0])


def _chain(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    """Yield ``error`` and those behind it, each with the words between it and the one before."""
    link = ""
    seen: set[int] = set()
    while id(error) not in seen and len(seen) <= MAX_CHAIN:
        seen.add(id(error))
        yield error, link
        behind = _behind(error)
        if behind is None:
            return
        error, link = behind


def _behind(error: BaseException) -> tuple[BaseException, str] | None:
    if error.__cause__ is not None:
        return error.__cause__, _CAUSE
    if error.__context__ is not None and not error.__suppress_context__:
        return error.__context__, _CONTEXT
    return None


def _text(error: BaseException, limit: int) -> str:
    try:
        return escaped(hidden(str(error)[: 2 * limit])[:limit])
    except BaseException:  # noqa: BLE001 - an application's __str__
        return "its __str__ failed"


def _cut(value: object, limit: int = MAX_TEXT) -> str:
    return escaped(hidden(str(value)[:limit]))


def _point(frame: FrameType, line: int) -> str:
    code = frame.f_code
    return f"{_shown(code.co_filename)}:{line} in {_cut(code.co_name)}"


def _generated(code: CodeType) -> bool:
    """Whether it is a method that ``dataclass`` or such has made, which is in no file."""
    return code.co_filename == "<string>" and code.co_name.startswith("__")


@lru_cache(maxsize=1024)
def _is_application(filename: str) -> bool:
    if filename.startswith("<frozen ") or filename.endswith((".pyx", ".pxd")):
        return False
    if filename.startswith(("src/gevent/", "src/greenlet/")):
        return False  # what Cython compiled is called so wherever it lies
    path = os.path.abspath(filename)  # noqa: PTH100 - a text, as co_filename is
    if path.startswith(tuple(_homes)):
        return True
    return not path.startswith((*_OURS, *_LIBRARY)) and not _INSTALLED.search(path)


def _shown(filename: str) -> str:
    """Return the path from the working directory, or from where it was imported, if it is below."""
    found = filename
    if os.path.isabs(filename):  # noqa: PTH117 - a text, as co_filename is
        try:
            roots = [os.getcwd(), *sys.path]  # noqa: PTH109
        except OSError:  # the directory is gone
            roots = list(sys.path)
        for root in roots:
            prefix = root.rstrip(os.sep) + os.sep
            if len(prefix) > 1 and filename.startswith(prefix):
                found = filename[len(prefix) :]
                break
    return _cut(found)
