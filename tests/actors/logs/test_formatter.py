"""Lines as our handlers write them, and as those of others write ours."""

from __future__ import annotations

import json
import logging
import re
from io import StringIO

import pytest

from actors.logs.filtering import FILTERED
from actors.logs.formatter import CONTEXT, LOGGERS, SECRETS, JSONFormatter, LineFormatter
from actors.logs.line import MAX_LINE
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


@ours
def test_secret_behind_its_name_is_in_no_line(written, name, formatter):
    logger, stream = written(name, formatter)
    try:
        raising("no token=SECRET here")
    except ValueError:
        logger.exception("with %s", {"password": "SECRET", "a": 1})
    assert f"{{'password': {FILTERED}, 'a': 1}}" in stream.getvalue()
    assert "SECRET" not in stream.getvalue()


class TestJSON:
    """One object on each line, whatever is logged."""

    @pytest.fixture
    def log(self, written):
        def through(formatter=None):
            return written("an.application", formatter or JSONFormatter(3))

        return through

    def lines(self, stream):
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    def test_line_says_when_what_and_where(self, log):
        logger, stream = log()
        logger.warning("it is %s", 5)
        (line,) = self.lines(stream)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("ts"))
        assert line.pop("pid") > 1
        assert line == {
            "level": "warning", "logger": "an.application", "message": "it is 5", "worker": 3,
        }  # fmt: skip

    def test_controls_stay_written_out_when_the_line_is_read(self, log):
        logger, stream = log()
        logger.error(EVIL, extra={"x": EVIL, EVIL: 1})
        (line,) = self.lines(stream)
        assert (line["message"], line["x"], line[SAFE]) == (SAFE, SAFE, 1)
        assert stream.getvalue()[:-1].isprintable()

    def test_error_has_a_type_and_a_message_and_no_stack(self, log):
        logger, stream = log()
        try:
            raising("no token=SECRET here")
        except ValueError:
            logger.exception("it failed", stack_info=True)
        (line,) = self.lines(stream)
        assert line["error"] == {"type": "ValueError", "message": f"no token={FILTERED} here"}
        assert "test_formatter.py" in line["stack_info"]

    def test_error_has_its_stack_where_that_is_wanted(self, log):
        logger, stream = log(JSONFormatter(stacks=True))
        try:
            raising("no")
        except ValueError as error:
            logger.exception("it failed")
            logger.error("again", exc_info=error, extra={"roost_stack": False})
        first, second = self.lines(stream)
        assert first["error"]["stack"].startswith("Traceback")
        assert first["error"]["stack"].endswith("ValueError: no")
        assert "stack" not in second["error"]
        assert "roost_stack" not in second

    def test_exc_info_without_an_error_is_none(self, log):
        logger, stream = log()
        logger.error("none", exc_info=True)  # noqa: LOG014 - what the test is about
        assert "error" not in self.lines(stream)[0]

    def test_context_is_ours_and_extra_fields_are_not(self, log):
        logger, stream = log()
        about = {CONTEXT: {"topic": "room:1\n", "pid": "forged"}, SECRETS: {"hunter2"}}
        logger.error("is hunter2", extra={**about, "topic": "x", "user": "hunter2"})
        (line,) = self.lines(stream)
        assert (line["topic"], line["extra_topic"]) == (r"room:1\n", "x")
        assert (line["message"], line["user"]) == (f"is {FILTERED}", FILTERED)
        assert isinstance(line["pid"], int)

    def test_message_that_cannot_be_shown_does_not_lose_the_line(self, log):
        logger, stream = log()
        logger.error("this is %s", Rude())
        logger.error(Rude())
        logger.error("a whole number: %d", 10**5000)
        first, second, third = (line["message"] for line in self.lines(stream))
        assert first == "this is %s (its arguments cannot be shown: RuntimeError)"
        assert second == "a Rude (its arguments cannot be shown: RuntimeError)"
        assert third.startswith("a whole number: %d (its arguments cannot be shown: ")

    @pytest.mark.parametrize("size", [1999, 2000, 2001, 10**6])
    def test_field_is_cut_at_2000_characters(self, log, size):
        logger, stream = log()
        logger.error("x" * size, extra={"y": "y" * size})
        (line,) = self.lines(stream)
        assert (line["message"] == "x" * size) == (line["y"] == "y" * size) == (size <= 2000)
        assert len(line["message"]) <= 2003
        assert len(stream.getvalue()) <= MAX_LINE + 1
