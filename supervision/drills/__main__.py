"""``python -m supervision.drills``: list and run drills.

Exit status: 0 all passed, 1 one has failed, 2 for what the caller got wrong.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections.abc import Iterable

from supervision.drills.drill import Drill, UnknownDrillError, catalogue, named
from supervision.drills.report import as_json, listed, verdict, written
from supervision.drills.runner import Outcome, Settings, run
from supervision.drills.target import OURS, Target, UnusableError, discovered


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    made = argparse.ArgumentParser(prog="python -m supervision.drills", allow_abbrev=False)
    commands = made.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="say what there is")
    running = commands.add_parser("run", help="run drills", allow_abbrev=False)
    running.add_argument("names", nargs="*", metavar="NAME", help="G02, or drain-500")
    running.add_argument("--all", action="store_true", help="all but the loops")
    running.add_argument(
        "--app", metavar="module:endpoint", help="run them against this application"
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
    if given.command == "list":
        _print(listed(catalogue()))
        return 0
    try:
        wanted = asked(given)
        target = found(given, wanted) if given.app else OURS
        drills, left_out = chosen(given, wanted, target)
    except (UnknownDrillError, UnusableError) as error:
        sys.stderr.write(f"drills: {error}\n")
        return 2
    if not drills or given.workers < 1:
        sys.stderr.write("drills: name what to run, or say --all; at least one worker is needed\n")
        return 2
    _allow_descriptors()
    settings = Settings(target=target, workers=given.workers, slack=given.slack, grace=given.grace)
    outcomes = []
    for drill in drills:
        outcomes.append(run(drill, settings))
        if not given.json:
            _show(outcomes[-1], quiet=given.quiet)
    if given.json:
        _print([json.dumps({"drills": [as_json(outcome) for outcome in outcomes]}, indent=1)])
    else:
        _print(summary(outcomes, left_out))
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def _allow_descriptors() -> None:
    """Take as many descriptors as we may have; servers inherit that."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def asked(given: argparse.Namespace) -> list[Drill]:
    """Return the drills that were named, or all that ``--all`` or ``--app`` means."""
    wanted = named(given.names)
    if given.all or (given.app and not given.names):
        wanted += [drill for drill in catalogue() if not drill.loop and drill not in wanted]
    return wanted


def found(given: argparse.Namespace, wanted: list[Drill]) -> Target:
    """Return the application of ``--app``, with the paths that the drills need."""
    needs = {name for drill in wanted if drill.generic for name in drill.needs}
    return discovered(given.app, given.websocket, given.longpoll, needs)


def chosen(
    given: argparse.Namespace, wanted: list[Drill], target: Target
) -> tuple[list[Drill], list[Drill]]:
    """Return what to run, and what cannot be run against this application."""
    fits = [drill for drill in wanted if applies(drill, target)]
    if given.names and len(fits) < len(wanted):
        unfit = next(drill for drill in wanted if drill not in fits)
        if unfit.name in given.names or unfit.number in given.names:
            raise UnusableError(
                f"{unfit.number} {unfit.name} does not apply: {_why_unfit(unfit, target)}"
            )
    return fits, [drill for drill in wanted if drill not in fits]


def _why_unfit(drill: Drill, target: Target) -> str:
    if not drill.generic:
        return f"it is for the application made for drills, not for {target.application}"
    missing = " and ".join(sorted(set(drill.needs) - target.transports))
    return f"it needs a mount of {target.application} with {missing}"


def applies(drill: Drill, target: Target) -> bool:
    """Whether a drill can be run against an application."""
    return (target.own or drill.generic) and set(drill.needs) <= target.transports


def summary(outcomes: list[Outcome], left_out: list[Drill]) -> Iterable[str]:
    """Return the last lines."""
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if len(outcomes) > 1:
        yield from (verdict(outcome) for outcome in failed)
    if left_out:
        names = " ".join(drill.number for drill in left_out)
        yield f"these do not apply to this application: {names}"
    yield f"{len(outcomes) - len(failed)} passed, {len(failed)} failed"


def _show(outcome: Outcome, *, quiet: bool) -> None:
    short = quiet and outcome.passed
    _print([verdict(outcome)] if short else [*written(outcome), ""])


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
