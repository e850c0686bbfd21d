"""What exists once, in a process that no master appoints: it asks for the lease itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.endpoint.serving import tree
from actors.endpoint.serving.once import Once, seat
from actors.runtime.dispatcher import get_dispatcher
from supervision.backoff import Backoff

if TYPE_CHECKING:
    from actors.endpoint.mounts import Mounts
    from actors.endpoint.serving.machines import Links
    from supervision.specs import ChildSpec


def candidate(endpoint: Mounts, links: Links) -> ChildSpec | None:
    """Return the place of what exists once in the tree of this process, linked to others.

    ``None`` where there is nothing of the kind, or no other machine: then it simply runs here.
    """
    specs, lease = tree.once_specs(endpoint), links.lease()
    if not specs or lease is None:
        return None
    backoff, dispatcher = Backoff(), get_dispatcher()
    began = dispatcher.clock()

    def runs(_number: int) -> None:
        nonlocal began
        began = dispatcher.clock()

    def resigned(gave_up: bool) -> None:  # noqa: FBT001 - as it is said
        if gave_up:  # another may have it meanwhile
            wait = backoff.after(dispatcher.clock() - began)
            dispatcher.timers.call_later(wait, once.appoint)

    once = Once(specs, lease, links.cluster, on_runs=runs, on_resigned=resigned)
    return seat(once, appoint=True)
