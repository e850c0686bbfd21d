"""What ``deploy/`` holds: each file is run as it stands, or judged by what reads it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from supervision.processes.ops_slot import SILENCE
from tests.support.command import ROOT, Program, run
from tests.support.netns import Host
from tests.support.waiting import DEADLINE, eventually

DEPLOY = ROOT / "deploy"
EVERYWHERE = "0.0.0.0"
ENVIRON = {"SECRET_KEY_BASE": "s" * 64}


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as made:
        yield made


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "examples/chat.py", tmp_path)
    shutil.copy(DEPLOY / "roost.toml", tmp_path)
    return tmp_path


# -- who runs it: somebody who may write nothing but in TMPDIR

# Root without its powers, who cannot write where the mode forbids it, but can read what root alone
# can: the interpreter may be such a file.
POWERLESS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []


@pytest.fixture
def theirs(chat: Path) -> Iterator[Path]:
    """The directory of an application, which whoever runs it may read and not write."""
    chat.chmod(0o555)
    yield chat
    chat.chmod(0o755)


@pytest.fixture
def short() -> Iterator[str]:
    """A TMPDIR whose path leaves room for those of sockets."""
    with tempfile.TemporaryDirectory(prefix="roost-test-") as place:
        yield place


def unwritable(place: str) -> dict[str, str]:
    return {**environ(), "TMPDIR": place, "PYTHONDONTWRITEBYTECODE": "1"}


def image() -> list[str]:
    """Return what the image runs, whatever a pod adds."""
    first, *words = json.loads(dict(instructions())["ENTRYPOINT"])
    assert first == ".venv/bin/roost"
    return words


def deployed(name: str, pod: dict[str, Any]) -> list[str]:
    """Return the arguments of the command in one of the three deployments, as it stands."""
    if name == "systemd":
        first, *words = unit()["ExecStart"].replace("/srv/chat/roost.toml", "roost.toml").split()
        assert first == "/srv/chat/.venv/bin/roost"
        return words
    if name == "container":
        return [*image(), *json.loads(dict(instructions())["CMD"])]
    return [*image(), *pod["containers"][0]["args"]]


DEPLOYMENTS = ("systemd", "container", "kubernetes")


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_the_files_go_together_for_somebody_who_may_write_nothing(name, pod, theirs, short):
    verb, *words = deployed(name, pod)
    assert verb == "serve"
    command = [*POWERLESS, sys.executable, "-m", "actors.endpoint", "check", *words]

    def check(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *more], cwd=theirs, env=unwritable(short), capture_output=True, text=True,
            timeout=DEADLINE, check=False,
        )  # fmt: skip

    done = check("--termination-grace", str(pod["terminationGracePeriodSeconds"]))
    assert (done.returncode, done.stdout) == (0, "ok: 1 socket mounted\n"), done.stderr
    for option, where in (("pid-file", "pid"), ("log-file", "log"), ("publish", "socket")):
        done = check(f"--{option}", where)
        words_of_serve = f"roost: --{option} {where!r}: Permission denied\n"
        assert (done.returncode, done.stderr) == (2, words_of_serve)


@pytest.mark.drill
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_the_files_start_together_for_somebody_who_may_write_nothing(
    name, pod, theirs, short, host
):
    arguments = ["-m", "actors.endpoint", *deployed(name, pod)]
    prefix = [*host.prefix, *POWERLESS]
    variables = unwritable(short)
    if name == "kubernetes":  # which nobody answers at: that is no reason not to serve
        variables["ROOST_REDIS"] = "redis://127.0.0.1:1"
    with Program(*arguments, cwd=theirs, prefix=prefix, env=variables) as served:
        served.wait_for("2 workers are ready")
        served.signal(signal.SIGHUP)
        served.wait_for("reload.stop duration")
        served.signal(signal.SIGTERM)
        assert served.ended() == 0
    assert sorted(path.name for path in theirs.iterdir()) == ["chat.py", "roost.toml"]
    assert list(Path(short).iterdir()) == []


def status(host: Host, port: int, path: str) -> int:
    """Return the status of a GET on ``host``; 0 where nobody answers."""
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5"]
    done = subprocess.run(
        [*host.prefix, *command, f"http://{host.theirs}:{port}{path}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return int(done.stdout)


# -- Kubernetes


@pytest.fixture
def manifest() -> dict[str, Any]:
    loaded = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8"))
    return {each["kind"]: each for each in loaded}


@pytest.fixture
def pod(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest["Deployment"]["spec"]["template"]["spec"]
    return found


def test_the_manifest_leads_clients_to_the_pods(manifest, pod):
    template = manifest["Deployment"]["spec"]["template"]
    assert (
        manifest["Deployment"]["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"]
    )
    assert manifest["Service"]["spec"]["selector"] == template["metadata"]["labels"]
    [container] = pod["containers"]
    names = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert [port["targetPort"] for port in manifest["Service"]["spec"]["ports"]] == ["http"]
    assert template["metadata"]["annotations"]["prometheus.io/port"] == str(names["ops"])
    assert f"--ops={EVERYWHERE}:{names['ops']}" in container["args"]
    assert f"--bind={EVERYWHERE}:{names['http']}" in container["args"]
    assert pod["enableServiceLinks"] is False


def test_a_stop_fits_into_the_grace_period_of_the_manifest(pod, chat):
    [container] = pod["containers"]
    seconds = pod["terminationGracePeriodSeconds"]
    words = ["check", *image()[1:], *container["args"]]
    options = [*words, "--termination-grace"]
    done = run(*options, str(seconds), cwd=chat)
    assert done.returncode == 0, done.stdout + done.stderr
    assert run(*options, "31", cwd=chat).returncode == 2


OUTAGE = 6.0
"""Seconds in which nobody answers on the ops port, where its process hung (docs/health.md)."""


BACK = 3.0
"""Seconds that the next one may take until it answers, on a busy machine."""


def test_one_restart_of_the_ops_process_does_not_take_the_pod_out(pod):
    [container] = pod["containers"]
    assert SILENCE + BACK <= OUTAGE
    for name in ("readinessProbe", "livenessProbe"):
        probe = container[name]
        assert probe["timeoutSeconds"] >= 2, "a busy machine takes its time"
        failed = OUTAGE // probe["periodSeconds"] + 1
        assert failed < probe["failureThreshold"], name
    page = (ROOT / "docs/production.md").read_text(encoding="utf-8")
    probe = container["readinessProbe"]
    period, threshold = probe["periodSeconds"], probe["failureThreshold"]
    text = " ".join(page.split())
    assert f"`failureThreshold` is {threshold}, and a pod that is not ready is out after" in text
    assert f"is out after {period * threshold} s" in text


def test_what_kubernetes_needs_is_in_the_image(pod):
    [container] = pod["containers"]
    assert "ROOST_REDIS" in {each["name"] for each in container["env"]}
    [install] = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]
    assert "[ops,redis]" in install
    page = (ROOT / "docs/production.md").read_text(encoding="utf-8")
    assert "`'/path/to/roost[ops,redis]'`" in page


@pytest.mark.drill
@pytest.mark.timeout(120)
def test_a_pod_starts_and_ends_as_kubernetes_has_it(pod, chat, host):
    [container] = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    probes = {
        name: container[name]["httpGet"]["path"]
        for name in ("startupProbe", "readinessProbe", "livenessProbe")
    }
    assert all(container[name]["httpGet"]["port"] == "ops" for name in probes)

    def probed(name: str) -> int:
        return status(host, ports["ops"], probes[name])

    arguments = ["-m", "actors.endpoint", *image(), *container["args"]]
    with Program(*arguments, cwd=chat, prefix=host.prefix, env=environ()) as served:
        eventually(lambda: probed("startupProbe") == 200, DEADLINE, pause=0.05)
        eventually(lambda: probed("readinessProbe") == 200, DEADLINE, pause=0.05)
        assert probed("livenessProbe") == 200
        served.signal(signal.SIGTERM)
        eventually(lambda: probed("readinessProbe") == 503, DEADLINE, pause=0.02)
        # A lame duck still takes clients: this answer comes from a worker.
        assert status(host, ports["http"], "/nothing") == 404
        assert probed("livenessProbe") == 200
        assert served.ended() == 0


def environ() -> dict[str, str]:
    return {**os.environ, **ENVIRON, "PYTHONPATH": str(ROOT)}


# -- a container


def instructions() -> list[tuple[str, str]]:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    found = [line.split(None, 1) for line in joined.splitlines() if line]
    return [(word, rest) for word, rest in found]


def test_the_image_runs_as_nobody_in_particular_and_stops_by_sigterm():
    last = dict(instructions())
    assert last["USER"].isdecimal()
    assert last["STOPSIGNAL"] == "SIGTERM"
    assert {word for word, _ in instructions()} <= {
        "FROM", "WORKDIR", "RUN", "COPY", "ENV", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
        "ENTRYPOINT", "CMD",
    }  # fmt: skip


@pytest.mark.drill
@pytest.mark.timeout(120)
def test_what_the_image_runs_serves_and_is_healthy(chat, host):
    last = dict(instructions())
    first, *words = [*json.loads(last["ENTRYPOINT"]), *json.loads(last["CMD"])]
    assert first == ".venv/bin/roost"
    health = json.loads(last["HEALTHCHECK"].partition("CMD ")[2])
    assert health[0] == ".venv/bin/python"
    with Program(
        "-m", "actors.endpoint", *words, cwd=chat, prefix=host.prefix, env=environ()
    ) as served:
        eventually(lambda: status(host, 4001, "/readyz") or True, DEADLINE, pause=0.05)

        def healthy() -> bool:
            command = [*host.prefix, sys.executable, *health[1:]]
            return subprocess.run(command, capture_output=True, check=False).returncode == 0

        eventually(healthy, DEADLINE, pause=0.05)
        eventually(lambda: status(host, 4000, "/nothing") == 404, DEADLINE, pause=0.05)
        served.signal(getattr(signal, last["STOPSIGNAL"]))
        assert served.ended() == 0


# -- systemd


def unit() -> dict[str, str]:
    text = (DEPLOY / "roost.service").read_text(encoding="utf-8")
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_unit_is_one_that_systemd_takes(tmp_path):
    text = (DEPLOY / "roost.service").read_text(encoding="utf-8")
    path = tmp_path / "roost.service"
    path.write_text(text.replace("/srv/chat/.venv/bin/roost", "/bin/true"), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_a_stop_fits_into_the_time_that_the_unit_gives(chat):
    words = unit()["ExecStart"].split()
    assert words[0].endswith("/roost")
    assert words[1:] == ["serve", "--config", "/srv/chat/roost.toml"]
    done = run(
        "check", "--config", "roost.toml", "--termination-grace", unit()["TimeoutStopSec"], cwd=chat
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert unit()["RestartPreventExitStatus"] == "2"
