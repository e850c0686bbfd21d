"""The verb ``reload``, as a deploy pipeline runs it: what it says, and with which status."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.support.command import run
from tests.support.ops import TOKEN, OpsServer
from tests.support.ops_double import BOTH, Ops, environ, view
from tests.support.waiting import eventually

APP = """
from actors import Endpoint, Socket
endpoint = Endpoint()
endpoint.socket("/a", Socket)
"""
NEW = ((1, 21), (2, 22))
LOG = "; the old workers serve on, and its log says more"


def told(number, outcome, *, why=None, refused=None, restart=()):
    return {
        "number": number, "outcome": outcome, "why": why, "refused": refused,
        "restart": list(restart),
    }  # fmt: skip


BEFORE = {**BOTH, "reload": told(3, "off", why="an earlier one")}


class TestWords:
    def reload(self, *views):
        with Ops(BEFORE, *views) as ops:
            return ops.command("reload")

    def test_one_that_is_off_ends_the_wait_while_old_workers_are_there(self):
        done = self.reload(BEFORE, {**BOTH, "reload": told(4, "off", why="\x1b[2J ended")})
        assert (done.returncode, done.stderr) == (5, f"roost: reload: off: \\x1b[2J ended{LOG}\n")
        assert "done" not in done.stdout

    def test_settings_that_are_as_before_are_6(self):
        done = self.reload(view(*NEW, reload=told(4, "done", refused="roost.toml:1: wrong")))
        words = "roost: reload: done, but the settings are as before: roost.toml:1: wrong\n"
        assert (done.returncode, done.stderr) == (6, words)

    def test_both_are_said(self):
        done = self.reload({**BOTH, "reload": told(4, "off", why="it ended", refused="wrong")})
        assert (done.returncode, done.stderr.splitlines()) == (
            5,
            [
                "roost: reload: the settings are as before: wrong",
                f"roost: reload: off: it ended{LOG}",
            ],
        )

    def test_what_needs_a_restart_is_a_line_for_each(self):
        done = self.reload(view(*NEW, reload=told(4, "done", restart=["bind", "pid_file"])))
        assert (done.returncode, done.stdout.splitlines()) == (
            0,
            [
                "reload: bind has changed, which needs a restart",
                "reload: pid_file has changed, which needs a restart",
                "reload: done",
            ],
        )

    def test_it_waits_for_the_end_of_the_old_workers_and_of_the_reload(self):
        goes_on, is_done = (told(4, outcome) for outcome in ("going on", "done"))
        done = self.reload(
            view(*NEW, reload=goes_on), {**BOTH, "reload": is_done}, view(*NEW, reload=is_done)
        )
        assert (done.returncode, done.stdout.splitlines()) == (
            0,
            ["0 workers to end", "2 workers to end, 30 connections left", "reload: done"],
        )

    def test_an_ops_process_that_has_heard_nothing_yet_is_asked_again(self):
        done = self.reload(view(), {**BOTH, "reload": told(4, "off", why="it ended")})
        assert done.returncode == 5

    def test_a_master_that_has_followed_is_judged_by_processes(self):
        done = self.reload(view(*NEW, reload=told(0, None)))
        assert (done.returncode, done.stdout) == (0, "reload: done\n")

    @pytest.mark.parametrize(
        "said", [None, 5, {}, {"number": "4", "outcome": "off"}, {"number": None}]
    )
    def test_a_server_that_does_not_tell_is_judged_by_processes(self, said):
        with Ops({**BOTH, "reload": said}, view(*NEW, reload=told(4, "off"))) as ops:
            done = ops.command("reload")
        assert (done.returncode, done.stdout) == (0, "reload: done\n")

    def test_words_that_make_no_sense_are_passed_over_and_long_ones_cut(self):
        odd = {"number": 4, "outcome": "off", "why": "x" * 9999, "refused": 7, "restart": 7}
        done = self.reload({**BOTH, "reload": odd})
        assert (done.returncode, done.stderr) == (5, f"roost: reload: off: {'x' * 500}{LOG}\n")


class TestDrainOfOne:
    def drain(self, *views):
        with Ops(BEFORE, *views) as ops:
            return ops.command("drain", "2")

    def test_a_new_worker_that_does_not_serve_ends_the_wait(self):
        done = self.drain(BEFORE, {**BOTH, "reload": told(4, "off", why="\x1b[2J ended")})
        words = "\\x1b[2J ended; the old worker serves on, and the server's log says more"
        assert (done.returncode, done.stderr) == (5, f"roost: drain: off: {words}\n")
        assert "done" not in done.stdout

    def test_of_settings_nothing_is_said(self):
        about = told(4, "done", refused="of the reload before", restart=["bind"])
        done = self.drain(BEFORE, view((1, 11), (2, 22), reload=about))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[1:] == ["drain: done"]


@pytest.fixture
def server(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "roost.toml").write_text("[ops]\nops_deeds = true\n")
    arguments = ("--config", "roost.toml")
    with OpsServer(*arguments, app="app:endpoint", cwd=tmp_path, workers=2) as server:
        server.wait_for("2 workers are ready")
        server.ops_pid()
        server.wait_until("/readyz", 200)
        yield server


def told_of(server):
    said = server.view("/views/drain").json["reload"]
    return said and (said["number"], said["outcome"])


def asked(server, *words):
    variables = environ(ROOST_OPS=f"127.0.0.1:{server.port}", ROOST_OPS_TOKEN=TOKEN)
    return run(*words, env=variables)


def reloaded(server):
    return asked(server, "reload")


class TestServer:
    def test_code_that_does_not_import_is_told_at_once(self, server, tmp_path):
        (tmp_path / "app.py").write_text("import nothing_of_the_kind\n")
        done = reloaded(server)  # within the deadline, and not after 600 s
        assert done.returncode == 5
        assert "roost: reload: off: worker " in done.stderr
        assert done.stderr.endswith(f"ended with status 2{LOG}\n")
        (tmp_path / "app.py").write_text(APP)
        done = reloaded(server)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("reload: done\n")

    def test_a_worker_whose_successor_does_not_serve_is_not_waited_for(self, server, tmp_path):
        (tmp_path / "app.py").write_text("import nothing_of_the_kind\n")
        done = asked(server, "drain", "2")
        assert done.returncode == 5
        assert done.stderr.startswith("roost: drain: off: worker ")
        (tmp_path / "app.py").write_text(APP)
        done = asked(server, "drain", "2")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("drain: done\n")

    def test_one_that_is_asked_for_in_the_boot_is_done_behind_it(self, tmp_path):
        app, gate = tmp_path / "app.py", tmp_path / "gate"
        wait = "import os, time\nwhile not os.path.exists('gate'): time.sleep(0.01)\n"
        app.write_text(wait + APP)
        with ExitStack() as stack:
            server = OpsServer("--ops-deeds", app="app:endpoint", cwd=tmp_path, workers=2)
            stack.push(server)  # to enter it would wait until it serves
            server.port = int(server.wait_for(r"health and metrics at http://\S+:(\d+)")[1])
            server.ops_pid()
            server.wait_until("/livez", 200)
            found = server.view("/deeds/reload", "POST")
            assert found.status == 202, found.json
            server.wait_for("no worker is ready yet: worker .* is replaced when it is")
            gate.touch()
            eventually(lambda: told_of(server) == (1, "done"), pause=0.05)

    def test_a_file_that_is_refused_is_told_although_the_workers_are_new(self, server, tmp_path):
        file = tmp_path / "roost.toml"
        file.write_text("[serve\n")
        done = reloaded(server)
        assert done.returncode == 6
        assert "reload: done, but the settings are as before: roost.toml:1: " in done.stderr
        file.write_text("[serv]\n[op]\n")
        done = reloaded(server)
        assert done.returncode == 6
        assert "roost.toml:1: unknown table 'serv'" in done.stderr
        assert "(and 1 more in the log)" in done.stderr
        file.unlink()
        done = reloaded(server)
        assert done.returncode == 6
        assert done.stderr.endswith("as before: roost.toml: No such file or directory\n")
        file.write_text("[serve]\nboot_patience = 50\n[ops]\nops_deeds = true\n")
        done = reloaded(server)
        assert (done.returncode, done.stderr) == (0, "")
        assert "reload: boot_patience has changed, which needs a restart\n" in done.stdout
        assert server.view("/views/drain").json["reload"]["number"] == 4
