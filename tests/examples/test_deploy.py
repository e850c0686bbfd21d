"""What ``deploy/`` holds: each file is run as it stands, or judged by what reads it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

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
    options = ["check", "chat:endpoint", *container["args"], "--termination-grace"]
    done = run(*options, str(seconds), cwd=chat)
    assert done.returncode == 0, done.stdout + done.stderr
    assert run(*options, "31", cwd=chat).returncode == 2


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

    arguments = ["-m", "actors.endpoint", "serve", "chat:endpoint", *container["args"]]
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
