"""``python -m supervision.drills``: what it prints, and its exit status."""

from __future__ import annotations

import json

import pytest

from supervision.drills.__main__ import main
from supervision.drills.catalogue import load

APPS = "tests.drills.broken_apps"
THEMES = "tests.drills.themes"


@pytest.mark.parametrize("themes", [None, THEMES])
def test_list_names_every_drill(capsys, themes):
    assert main(["list", *(["--themes", themes] if themes else [])]) == 0
    printed = capsys.readouterr().out
    for drill in load(themes).all():
        assert f"{drill.number:4} {drill.name} (" in printed
        assert drill.outcome in printed
    assert ("G33 " in printed) == (themes is not None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "name what to run"),
        (["run", "G99"], "there is no drill 'G99'"),
        (["run", "G01", "--server", "it's"], '--server "it\'s": No closing quotation'),
        (["run", "G01", "--workers", "0"], "at least one worker"),
        (["run", "--app", "tests.drills.nothing:endpoint"], "cannot import"),
        (["run", "--app", f"{APPS}:variable"], "has variables: give --websocket PATH"),
        (["run", "--app", f"{APPS}:partly_variable"], "has variables: give --longpoll PATH"),
        (["run", "G15", "--app", f"{APPS}:partly_variable"], "give --longpoll PATH"),
        (["run", "G02", "--app", f"{APPS}:sound", "--websocket", ""], "it needs a mount of"),
        (["run", "G33", "--app", f"{APPS}:sound"], "there is no drill 'G33'"),
        (["run", "G33", "--themes", THEMES, "--app", f"{APPS}:sound"], f"of {THEMES} are about"),
        (["run", "--all", "--themes", "tests.nothing"], "the themes 'tests.nothing': ModuleNot"),
        (["run", "--all", "--themes", APPS], f"the themes '{APPS}' have no drill"),
        (["list", "--themes", "a/b.py"], "cannot import the themes 'a/b.py'"),
    ],
)
def test_what_the_caller_got_wrong_is_status_2(arguments, message, capsys):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run", "--nothing"]])
def test_what_is_no_command_is_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


@pytest.mark.drill
def test_a_path_with_variables_is_asked_for_only_where_a_drill_needs_it(capsys):
    assert main(["run", "G05", "--slack", "4", "--app", f"{APPS}:partly_variable"]) == 0
    assert "1 passed, 0 failed" in capsys.readouterr().out


@pytest.mark.drill
@pytest.mark.parametrize("name", ["leaves_a_process", "leaves_a_daemon"])
def test_what_an_application_leaves_at_its_import_does_not_stop_the_tool(name, capsys):
    assert main(["run", "G01", "--quiet", "--slack", "4", "--app", f"{APPS}:{name}"]) == 1
    assert "no process is left" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "soon"])
def test_a_budget_must_be_seconds(text, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["run", "G01", "--grace", text])
    assert ended.value.code == 2


@pytest.mark.drill
def test_json_is_for_programs(capsys):
    assert main(["run", "quiet-term", "--json", "--slack", "4"]) == 0  # against the demo
    (drill,) = json.loads(capsys.readouterr().out)["drills"]
    assert (drill["number"], drill["passed"], drill["failures"]) == ("G01", True, [])
    assert {"READY=1", "STOPPING=1"} <= {line["what"].split()[-1] for line in drill["timeline"]}


@pytest.mark.drill
def test_every_server_gets_the_options_of_all_and_its_log_is_read_as_ever(capsys):
    given = "--server=--ops 127.0.0.1:0 --log-format json --access-log"
    assert main(["run", "G24", "--slack", "8", "--json", given]) == 0
    (drill,) = json.loads(capsys.readouterr().out)["drills"]
    told = [line["what"] for line in drill["timeline"] if line["who"] == "log"]
    for words in ("INFO roost.master: health and metrics at", "INFO roost.access: 127.0.0.1 "):
        assert [line for line in told if words in line]
    assert not [line for line in told if line.startswith("{")]


@pytest.mark.drill
def test_one_that_fails_is_status_1_and_is_shown_although_quiet(capsys):
    arguments = ["run", "G01", "G05", "--quiet", "--slack", "4", "--app", f"{APPS}:undrained"]
    assert main(arguments) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("PASS G01 quiet-term")
    assert "50x close 1001" in printed
    assert printed.rstrip().endswith("1 passed, 1 failed")


@pytest.mark.drill
def test_a_skipped_drill_is_told_and_no_failure(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "skipping.py").write_text(
        "from supervision.drills.drill import Skipped, drill\n"
        "@drill('M1', bound=1.0)\n"
        "def swim(stage):\n"
        "    'It swims.'\n"
        "    raise Skipped('there is no water')\n"
    )
    assert main(["run", "swim", "--themes", "skipping"]) == 0
    assert capsys.readouterr().out == (
        "SKIP M1 swim: there is no water\n0 passed, 0 failed, 1 skipped\n"
    )
