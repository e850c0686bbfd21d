"""Lines as our handlers write them, and as those of others write ours."""

from __future__ import annotations

import logging
import re
from io import StringIO

import pytest

from actors.logs.formatter import LOGGERS, MAX_LINE, LineFormatter
from tests.architecture.sources import ROOT, sources

EVIL = "a\r\n2026 ERROR forged \x1b[2J\x9b\u2028\u202e"
SAFE = r"a\r\n2026 ERROR forged \x1b[2J\x9b\u2028\u202e"


class Rude:
    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


def raising(text):
    raise ValueError(text)


@pytest.fixture
def written():
    """Log through one logger with a formatter, and answer what was written."""
    made = []

    def through(name, formatter):
        stream = StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.propagate = False  # the handlers of pytest have no fallback
        made.append((logger, handler))
        return logger, stream

    yield through
    for logger, handler in made:
        logger.removeHandler(handler)
        logger.propagate = True


ours = pytest.mark.parametrize(
    ("name", "formatter"),
    [
        ("an.application", LineFormatter()),
        ("roost.transports", LineFormatter()),
        ("roost.transports", logging.Formatter("%(levelname)s %(name)s: %(message)s")),
    ],
    ids=["an application's line", "our line", "our line, a formatter of somebody else"],
)


@ours
def test_controls_are_escaped_in_messages(written, name, formatter):
    logger, stream = written(name, formatter)
    logger.error("%s and %d", EVIL, 5)
    logger.error(EVIL)
    lines = stream.getvalue().split("\n")
    assert [line.partition(f"ERROR {name}: ")[2] for line in lines] == [f"{SAFE} and 5", SAFE, ""]


@ours
def test_controls_are_escaped_in_the_text_of_exceptions(written, name, formatter):
    logger, stream = written(name, formatter)
    try:
        raising(EVIL)
    except ValueError:
        logger.exception("it failed")
    first, *rest = stream.getvalue().rstrip("\n").split("\n")
    assert first.endswith(f"ERROR {name}: it failed")
    assert rest[0].strip() == "Traceback (most recent call last):"
    assert rest[-1].strip() == f"ValueError: {SAFE}"
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", stream.getvalue())


@ours
def test_argument_that_cannot_be_shown_does_not_lose_the_line(written, name, formatter):
    logger, stream = written(name, formatter)
    logger.error("this is %s", Rude())
    assert "this is %s (its arguments cannot be shown: RuntimeError)\n" in stream.getvalue()


@ours
@pytest.mark.parametrize("size", [MAX_LINE - 100, 10 * MAX_LINE])
def test_line_is_bounded(written, name, formatter, size):
    logger, stream = written(name, formatter)
    logger.error("x" * size)
    assert len(stream.getvalue()) < MAX_LINE + 150
    assert ("more characters" in stream.getvalue()) == (size > MAX_LINE)


def test_lines_of_a_stack_are_indented_so_that_none_begins_like_a_record(written):
    logger, stream = written("an.application", LineFormatter())
    try:
        raising("no")
    except ValueError:
        logger.exception("it failed", stack_info=True)
    assert all(line.startswith("  ") for line in stream.getvalue().splitlines()[1:])


def test_every_logger_of_ours_has_the_filter():
    named = re.compile(r'getLogger\(\s*"([^"]+)"')
    found = {n for source in sources() for n in named.findall((ROOT / source.path).read_text())}
    assert found - {"roost.drills"} == set(LOGGERS)
