"""What a reload (SIGHUP) makes of the file of settings, which may have changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from actors.endpoint.command.arguments import Given
from actors.endpoint.command.ops_port import refuse_never_ready
from actors.endpoint.command.setting import Setting
from actors.endpoint.command.sources import changed
from actors.errors import ConfigError
from actors.logs.escaping import escaped
from actors.logs.filtering import hidden
from supervision.processes.reload_told import LastReload

MAX_PROBLEM: Final = 200
"""Characters of a problem that an operator is told; the log has all."""

logger = logging.getLogger("roost.master")


def renewed(before: Given, read: Callable[[], Given], last: LastReload) -> Given:
    """Return what new workers are to get: settings of the scope ``worker`` as they are now.

    A warning names each of the others that has changed. Where something is wrong all is as
    ``before``, and the log says what: the workers are replaced all the same. ``last`` learns both.
    """
    try:
        after = read()
        differ = changed(before.resolved.values, after.resolved.values)
        stay = [setting for setting in differ if _needs_restart(setting, before, after)]
        kept = vars(after) | {each.name: before.resolved.values[each.name] for each in stay}
        refuse_never_ready(Given(**kept))
    except ConfigError as error:
        for problem in error.problems:
            logger.error("%s", problem)
        logger.error("so all settings are as before")
        last.read(refused=_first(error.problems))
        return before
    last.read(restart=[setting.name for setting in stay])
    for setting in differ:
        origin = after.resolved.origins[setting.name]
        source = "by default" if origin is None else origin.said
        if setting in stay:
            logger.warning("%s (%s): has changed, which needs a restart", setting.name, source)
            after.resolved.values[setting.name] = kept[setting.name]
        else:
            logger.info("%s (%s): has changed, new workers get it", setting.name, source)
    if before.resolved.overrides != after.resolved.overrides:
        logger.info("options of the application have changed, new workers get them")
    return Given(**kept)


def _first(problems: Sequence[str]) -> str:
    """Return the first problem as the log has it, and how many more there are."""
    words = escaped(hidden(problems[0]))[:MAX_PROBLEM]
    more = len(problems) - 1
    return f"{words} (and {more} more in the log)" if more else words


def _needs_restart(setting: Setting, before: Given, after: Given) -> bool:
    if setting.name == "workers":  # none means no master
        return 0 in {before.workers, after.workers}
    return setting.scope == "boot"
