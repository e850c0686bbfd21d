"""``python -m supervision.drills``: list and run drills.

Exit status: 0 none has failed, 1 one has, 2 for what the caller got wrong.
"""

from __future__ import annotations

import argparse
import json
import resource
import shlex
import sys
from collections.abc import Iterable

from supervision.drills.catalogue import Catalogue, UnknownDrillError, UnknownThemesError, load
from supervision.drills.drill import Drill
from supervision.drills.report import as_json, listed, verdict, written
from supervision.drills.runner import Outcome, Settings, run
from supervision.drills.target import DEMO, Target, UnusableError, discovered


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    made = argparse.ArgumentParser(prog="python -m supervision.drills", allow_abbrev=False)
    commands = made.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="say what there is", allow_abbrev=False)
    running = commands.add_parser("run", help="run drills", allow_abbrev=False)
    for command in (listing, running):
        command.add_argument(
            "--themes", metavar="MODULE", help="add the drills of a module, or of a package of such"
        )
    running.add_argument("names", nargs="*", metavar="NAME", help="G02, or drain-500")
    running.add_argument("--all", action="store_true", help="all but the loops")
    running.add_argument(
        "--app", metavar="module:endpoint", help="run them against this, not against the demo"
    )
    running.add_argument("--websocket", metavar="PATH", help="where it takes WebSockets")
    running.add_argument("--longpoll", metavar="PATH", help="where it takes long polls")
    running.add_argument(
        "--workers", type=int, default=2, metavar="N", help="worker processes (default: 2)"
    )
    running.add_argument(
        "--grace",
        type=seconds,
        metavar="SECONDS",
        help="budget of the server's shutdown (default: the application's own)",
    )
    running.add_argument(
        "--slack", type=float, default=2.0, metavar="FACTOR", help="multiply bounds (default: 2)"
    )
    running.add_argument(
        "--server",
        metavar="OPTIONS",
        default="",
        help="give every server these options too: --server='--ops 127.0.0.1:0 --access-log'",
    )
    running.add_argument("--json", action="store_true", help="print JSON, for programs")
    running.add_argument("--quiet", action="store_true", help="say no more of what passed")
    return made


def seconds(text: str) -> float:
    """Return a number of seconds above 0."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value


def main(arguments: list[str]) -> int:
    """Run the command; return the exit status."""
    given = parser().parse_args(arguments)
    try:
        catalogue = load(given.themes)
        if given.command == "list":
            _print(listed(catalogue.all()))
            return 0
        wanted = asked(given, catalogue)
        target = found(given, catalogue, wanted)
        drills, left_out = chosen(given, wanted, target)
        arguments = words(given.server)
    except (UnknownDrillError, UnknownThemesError, UnusableError) as error:
        sys.stderr.write(f"drills: {error}\n")
        return 2
    _allow_descriptors()
    settings = Settings(
        target=target,
        stage=catalogue.stage,
        workers=given.workers,
        slack=given.slack,
        grace=given.grace,
        arguments=arguments,
    )
    outcomes = []
    for drill in drills:
        outcomes.append(run(drill, settings))
        if not given.json:
            _show(outcomes[-1], quiet=given.quiet)
    if given.json:
        _print([json.dumps({"drills": [as_json(outcome) for outcome in outcomes]}, indent=1)])
    else:
        _print(summary(outcomes, left_out))
    return 1 if any(outcome.failures for outcome in outcomes) else 0


def _allow_descriptors() -> None:
    """Take as many descriptors as we may have; servers inherit that."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def asked(given: argparse.Namespace, catalogue: Catalogue) -> list[Drill]:
    """Return the drills that were named, or all that ``--all`` or ``--app`` means.

    ``UnknownDrillError``, and ``UnusableError`` where there is nothing to run.
    """
    wanted = catalogue.named(given.names)
    if given.all or (given.app and not given.names):
        wanted += [each for each in catalogue.all() if not each.loop and each not in wanted]
    if not wanted or given.workers < 1:
        raise UnusableError("name what to run, or say --all; at least one worker is needed")
    return wanted


def words(options: str) -> list[str]:
    """Return the options of ``--server``, split as a shell does; ``UnusableError``."""
    try:
        return shlex.split(options)
    except ValueError as error:
        raise UnusableError(f"--server {options!r}: {error}") from None


def found(given: argparse.Namespace, catalogue: Catalogue, wanted: list[Drill]) -> Target:
    """Return the application that is meant, with the paths that the drills need."""
    about = catalogue.stage.application
    if about and given.app not in (None, about):
        raise UnusableError(f"the drills of {given.themes} are about {about}, not {given.app}")
    needs = {name for drill in wanted for name in drill.needs}
    return discovered(given.app or about or DEMO, given.websocket, given.longpoll, needs)


def chosen(
    given: argparse.Namespace, wanted: list[Drill], target: Target
) -> tuple[list[Drill], list[Drill]]:
    """Return what to run, and what cannot be run against this application."""
    fits = [drill for drill in wanted if set(drill.needs) <= target.transports]
    left_out = [drill for drill in wanted if drill not in fits]
    for drill in left_out:
        if drill.name in given.names or drill.number in given.names:
            missing = " and ".join(sorted(set(drill.needs) - target.transports))
            raise UnusableError(
                f"{drill.number} {drill.name} does not apply: "
                f"it needs a mount of {target.application} with {missing}"
            )
    return fits, left_out


def summary(outcomes: list[Outcome], left_out: list[Drill]) -> Iterable[str]:
    """Return the last lines."""
    failed = [outcome for outcome in outcomes if outcome.failures]
    skipped = [outcome for outcome in outcomes if outcome.skipped is not None]
    if len(outcomes) > 1:
        yield from (verdict(outcome) for outcome in [*skipped, *failed])
    if left_out:
        names = " ".join(drill.number for drill in left_out)
        yield f"these do not apply to this application: {names}"
    passed = sum(outcome.passed for outcome in outcomes)
    also = f", {len(skipped)} skipped" if skipped else ""
    yield f"{passed} passed, {len(failed)} failed{also}"


def _show(outcome: Outcome, *, quiet: bool) -> None:
    short = outcome.skipped is not None or (quiet and outcome.passed)
    _print([verdict(outcome)] if short else [*written(outcome), ""])


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
