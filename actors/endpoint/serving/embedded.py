"""An endpoint inside another server's process: what is in its tree beside that server.

Inside pywsgi or gunicorn the tree starts at the first request, or by ``endpoint.start()``, and ends
with the last application that is drained. Its children are those under our own server, in the same
order, but for the acceptor; where that server would be are the connections that were taken over.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable
from typing import Final

from gevent.lock import RLock

from actors.endpoint.mounts import Mounts
from actors.endpoint.routes import Routes
from actors.endpoint.serving import machines, tree
from actors.endpoint.serving.candidate import candidate
from actors.endpoint.serving.lifetime import Lifetime
from actors.endpoint.serving.root import SERVER
from actors.endpoint.serving.telling import Life
from actors.errors import ConfigError
from actors.logs import filtering
from actors.pubsub import server as topics
from actors.reasons import Reason
from actors.runtime import Actor, get_dispatcher
from actors.schedule import PATIENT
from supervision.specs import ChildSpec

logger = logging.getLogger("roost.endpoint")

RETRY: Final = (1.0, 30.0)
"""Seconds until a tree that did not start, or gave up, is tried again: doubled up to the last."""

MANY: Final = (
    "once(...) needs one process, a master or a Redis, and this server has several processes: use"
    " one, python -m actors.endpoint, or Endpoint(redis=...)"
)

End = Callable[[float], bool]
"""Ends the connections of one application within seconds; returns whether all went in time."""


class Connections(Actor):
    """Where the server would be in the tree: at its end the connections that are left end."""

    ends_others = True

    def __init__(self, embedded: Embedded, seconds: float) -> None:
        super().__init__()
        self._embedded = embedded
        self._seconds = seconds

    def terminate(self, reason: Reason) -> None:
        self._embedded.end_connections(self._seconds)
        super().terminate(reason)

    def kill_now(self) -> None:
        if self.exit_reason is None:
            self._embedded.end_connections(0.0)
        super().kill_now()


class Embedded:
    """The tree of one endpoint in this process; a forked child has one of its own."""

    def __init__(self, endpoint: Mounts) -> None:
        self._endpoint = endpoint
        filtering.use(filtering.parameters(endpoint.options.filter_parameters))
        self._notes: list[str] = []
        self._links = machines.linked(endpoint)
        self._made: list[Routes] = []
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._lock = RLock()
        self._lifetime: Lifetime | None = None
        self._ends: dict[object, End] = {}
        self._orderly = True
        self._again_at = 0.0
        self._wait = RETRY[0]
        self._several = False
        self._life: Life | None = None

    def _notice_fork(self) -> None:
        """Begin anew in a fork, and be another worker than the process that it is of."""
        if self._pid == os.getpid():
            return
        self._reset()
        redis = self._links.redis
        if redis is not None:
            redis.worker = machines.new_worker()
            for made in self._made:
                made.sessions.worker = redis.worker

    def routes(self) -> Routes:
        """Return the router of one application.

        What a person should know of it is logged when it serves: it may be made where nobody will
        be served by it, as under our own server, or before a fork.
        """
        made = Routes(self._endpoint, serves=self._serves, cluster=self._links.cluster)
        self._made.append(made)
        self._notes += [note for note in made.notes if note not in self._notes]
        if self.running:
            self._tell()
        return made

    def _tell(self) -> None:
        for note in self._notes:
            logger.warning("%s", note)
        self._notes.clear()

    @property
    def linked(self) -> bool:
        """Whether processes of this endpoint reach each other."""
        return self._links.redis is not None

    @property
    def running(self) -> bool:
        """Whether the tree runs in this process."""
        lifetime = self._lifetime
        return self._pid == os.getpid() and lifetime is not None and lifetime.running

    def _serves(self) -> bool:
        lifetime = self._lifetime
        return self.running and lifetime is not None and lifetime.left == math.inf

    def start(self) -> None:
        """Start the tree, and wait for that; nothing happens where it runs.

        :class:`ConfigError` names the child that did not start, or says that what exists once
        cannot be in one of several processes.
        """
        self._notice_fork()
        with self._lock:  # another request may be starting it
            if self.running:
                return
            self._tell()
            topics.serves = True
            if self._several and not self.linked and tree.once_specs(self._endpoint):
                raise ConfigError(MANY)
            options = self._endpoint.options
            seconds = tree.server_seconds(options, options.grace)
            server = ChildSpec(
                id=SERVER, start=Connections.start, args=(self, seconds), shutdown=seconds
            )
            once = candidate(self._endpoint, self._links)
            children = tree.embedded(
                self._endpoint, server, options.grace, self._links.pubsub, once
            )
            self._life = life = Life(self._endpoint, 0, get_dispatcher().clock)
            lifetime = Lifetime(life.failed)
            try:
                lifetime.start(children)
            except ConfigError as error:
                life.failed(str(error))
                raise
            self._lifetime = lifetime
            life.started()

    def enter(self, application: object, end: End) -> bool:
        """Have the tree run for ``application``; return whether it does.

        ``end`` ends its connections. Where the tree does not start, the log says why, and it is
        tried again at the first request after a while.
        """
        self._notice_fork()
        self._ends[application] = end
        if self.running:
            return True
        clock = get_dispatcher().clock
        if clock() < self._again_at:
            return False
        if self._lifetime is not None:
            logger.error("the endpoint's tree gave up, and is started anew")
        try:
            self.start()
        except ConfigError as error:
            logger.error("%s; trying again in %g s", error, self._wait)
            self._again_at = clock() + self._wait
            self._wait = min(2 * self._wait, RETRY[1])
            return False
        self._wait = RETRY[0]
        return True

    def several(self) -> None:
        """Learn that there are other processes: what exists once does not run here any more."""
        self._several = True
        if self.running and self._lifetime is not None and tree.once_specs(self._endpoint):
            logger.error("%s", MANY)
            with self._lock:
                began = get_dispatcher().clock()
                self._lifetime.within(self._endpoint.options.grace)
                self._lifetime.stop()
                self._lifetime = None
                if self._life is not None:
                    self._life.stopped(began, MANY, orderly=self._orderly)

    def end_connections(self, seconds: float) -> None:
        """End those of all applications, in so many seconds or what the tree's end leaves."""
        left = math.inf if self._lifetime is None else self._lifetime.left
        clock = get_dispatcher().clock
        until = clock() + PATIENT * min(seconds, left)
        # Said before it is known: a kill may come in the middle, and end them once more.
        so_far, self._orderly = self._orderly, False
        ended = [end(max(0.0, until - clock())) for end in list(self._ends.values())]
        self._orderly = so_far and all(ended)

    def leave(self, application: object, budget: float) -> bool:
        """End the connections of ``application``, and with the last one the tree.

        Return whether no connection had to be cut off. All of it takes ``budget`` seconds.
        """
        end = self._ends.get(application)
        if not self.running or self._ends.keys() - {application}:
            self._ends.pop(application, None)
            return end is None or end(budget)
        self._orderly = True
        with self._lock:
            if self._lifetime is not None:
                began = get_dispatcher().clock()
                self._lifetime.within(budget)
                self._lifetime.stop()
                self._lifetime = None
                if self._life is not None:
                    self._life.stopped(began, "stop", orderly=self._orderly)
        self._ends.pop(application, None)
        return self._orderly
