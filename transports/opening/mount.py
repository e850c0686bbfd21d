"""What every transport does with a request that opens a connection, in Phoenix's order.

A transport calls ``open`` for the checks (code reload, log, host, origin, subprotocol), ``connect``
for ``connect_info`` and the application's word, ``start`` for the actor. All of them may run user
code, so they belong on a carrier. A refusal is logged with the option that would have allowed the
request, at most once in a second for each kind. See docs/writing-a-transport.md.
"""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol

from actors import signing, telemetry, token
from actors.crash_log import capped
from actors.crash_text import blame
from actors.errors import HTTPError
from actors.logs.provenance import Provenance
from actors.messages import ConnectInfo
from actors.results import Error, Ok
from actors.serializers.negotiation import NotServed
from transports.http.logged import trace
from transports.http.request import Request
from transports.http.response import Response
from transports.opening import subprotocols
from transports.opening.connect_info import Source, collect, compile_fields, needs_same_site
from transports.opening.opened import Opened, Refusal
from transports.opening.origin import OriginCheck, Setting, host_allowed
from transports.opening.refused import Reason
from transports.turned_away import turned_away

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # its default: in typing from Python 3.13 on

    from actors.socket import Socket, Transport
    from transports.http.responder import Responder
    from transports.opening.options import TransportOptions

    OptionsT_co = TypeVar(
        "OptionsT_co", bound=TransportOptions, default=TransportOptions, covariant=True
    )
else:
    from typing import TypeVar

    OptionsT_co = TypeVar("OptionsT_co", covariant=True)

logger = logging.getLogger("roost.transports")

NO_SUBPROTOCOL = subprotocols.Negotiated()


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """The endpoint's settings that a mount may override or needs."""

    endpoint: object = None
    check_origin: Setting = True
    url_host: str | None = None
    code_reloader: Callable[[], object] | None = None
    reload_by_default: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)
    clock_skew: float = signing.CLOCK_SKEW
    knows_clients: bool = False
    """Whether a proxy in front says who its clients are, so that limits per address hit those."""
    clock: Callable[[], float] = time.time


class CustomTransport(Protocol):
    """A transport of one mount, made by the factory that :meth:`actors.Endpoint.transport` got."""

    def handle(self, request: Request, http: Responder) -> Response | None:
        """Answer a request to the mount's path, on a carrier (see ``Responder``)."""


class TransportMount(Generic[OptionsT_co]):
    """One socket class at one path over one transport, whose ``options`` are of its own class."""

    def __init__(
        self, path: str, socket_class: type[Socket], options: OptionsT_co, defaults: Defaults
    ) -> None:
        self.path = path
        self.socket_class = socket_class
        self.options = options
        self.defaults = defaults
        setting = defaults.check_origin if options.check_origin is None else options.check_origin
        if setting is True and defaults.url_host is None:
            # Without a name to compare with, Phoenix would allow any page.
            setting = "conn"
        self._origin = OriginCheck(
            setting,
            url_host=defaults.url_host,
            require_origin=options.require_origin,
            same_site=needs_same_site(options.connect_info),
        )
        self._fields = compile_fields(options.connect_info)
        self._subprotocols = getattr(options, "subprotocols", None)
        self._negotiates = self._subprotocols is not None or options.auth_token
        wanted = options.code_reloader
        self._reloads = defaults.reload_by_default if wanted is None else wanted
        self._refusals = capped(logger)
        self._provenances: dict[str, Provenance] = {}

    def open(self, request: Request, transport: str) -> Opened | Refusal:
        """Run the checks. :class:`~actors.errors.HTTPError` for a query that cannot be parsed."""
        try:
            return self._judged(request, transport)
        except HTTPError as error:
            self.refuse_handshake(request, error.status, "its query cannot be read")
            raise
        except BaseException:
            turned_away(self.path, "crash", 500)
            raise

    def refuse_handshake(self, request: Request, status: int, message: str) -> None:
        """Log and tell that ``request`` is none that opens a connection, and gets ``status``."""
        why = message.partition(", got ")[0]  # without what the client has sent
        words = "%s: refused a handshake of %s: %s"
        self._refusals.log(logging.INFO, why, words, self.path, request.peer[0], why)
        turned_away(self.path, "handshake", status)

    def _judged(self, request: Request, transport: str) -> Opened | Refusal:
        if self._reloads and self.defaults.code_reloader is not None:
            self.defaults.code_reloader()
            self.socket_class = _current(self.socket_class)
        options = self.options
        if options.transport_log:
            level = logging.getLevelNamesMapping()[options.transport_log.upper()]
            # Never the query: it may hold a token.
            logger.log(level, "%s %s from %s", request.method, request.path, request.peer[0])
        allowed = options.allowed_hosts
        if allowed is not None and not host_allowed(allowed, request.host):
            words = "%s: refused the host %.200r, see allowed_hosts"
            return self._refuse("host", words, self.path, request.host)
        if self._origin.judges_all or request.header("origin") is not None:
            refusal = self._origin.refusal(request, self.path)
            if refusal is not None:
                return self._refuse("origin", "%s", refusal)
        chosen = NO_SUBPROTOCOL
        if self._negotiates:
            offers = request.headers_named("sec-websocket-protocol")
            auth_token = options.auth_token
            answer = subprotocols.negotiate(self._subprotocols, offers, auth_token=auth_token)
            if isinstance(answer, str):
                words = "%s: could not agree on a subprotocol: %s"
                return self._refuse("subprotocol", words, self.path, answer)
            chosen = answer
        params = request.params
        if request.path_params:
            params = {**params, **request.path_params}
        return Opened(request, params, transport, chosen.protocol, chosen.auth_token)

    def _refuse(self, kind: str, words: str, *what: str) -> Refusal:
        self._refusals.log(logging.WARNING, kind, words, *what)
        turned_away(self.path, kind, 403)
        return Refusal(403)

    def connect(self, opened: Opened) -> Ok | Error:
        """Ask the socket class; ``TypeError`` when it answers neither ``Ok`` nor ``Error``.

        Told as ``socket.connected``, see :mod:`actors.telemetry`.
        """
        try:
            return self._asked(opened)
        except HTTPError as error:
            turned_away(self.path, "connect", error.status)
            raise
        except BaseException:
            turned_away(self.path, "crash", 500)
            raise

    def _asked(self, opened: Opened) -> Ok | Error:
        told = telemetry.listens("socket.connected")
        began = time.perf_counter() if told else 0.0
        found = self._connect_info(opened) if self._fields else {}
        # By position, which costs less than by name, as each client has one.
        info = ConnectInfo(
            self.defaults.endpoint, opened.transport, opened.params, self.options, found
        )
        answer: object = None
        try:
            answer = self.socket_class.accept(info)
        finally:
            if told:
                telemetry.execute(
                    "socket.connected",
                    {"duration": time.perf_counter() - began},
                    {"socket": self.socket_class, "info": info, "accepted": type(answer) is Ok},
                )
        if type(answer) is Ok:
            return answer
        if type(answer) is Error:
            self._log_refused(opened, answer)
            return answer
        # Not the answer itself: it may hold what the client sent.
        wrong = TypeError(f"connect answered {_kind(answer)}; accepted: Ok(state), Error(reason)")
        blame(wrong, self.socket_class.connect)
        raise wrong

    def _log_refused(self, opened: Opened, answer: Error) -> None:
        self._refusals.log(
            logging.INFO,
            "connect",
            "%s: connect refused a client of %s: %s",
            self.path,
            opened.request.peer[0],
            Reason(answer.reason, opened),
        )

    def refused(self, opened: Opened, answer: Error) -> Response:
        """Return what ``connect`` refused: 403, or what the option ``error_handler`` makes of it.

        The handler is called with the request and the reason, for ``Error(reason)`` alone, and must
        answer a ``Response``.
        """
        handler = getattr(self.options, "error_handler", None)
        response, status = Response(403), 500
        try:
            if not (
                answer.reason is None or handler is None or isinstance(answer.reason, NotServed)
            ):
                response = handler(opened.request, answer.reason)
            if not isinstance(response, Response):
                raise TypeError(f"error_handler answered {response!r:.200}; accepted: a Response")
            status = response.status
        finally:
            turned_away(self.path, "connect", status)
        return response

    def provenance(self, request: Request, transport: str) -> Provenance:
        """Return what is kept of where a connection comes from; shared by those without a trace."""
        found = trace(request)
        if found:
            return Provenance(self.path, transport, tuple(found.items()))
        shared = self._provenances.get(transport)
        if shared is None:
            shared = self._provenances[transport] = Provenance(self.path, transport)
        return shared

    def start(self, transport: Transport, state: object) -> Socket:
        """Make the actor that ``transport`` operates; call its ``on_begin()`` when it may run.

        ``on_begin`` runs ``init``, and raises :class:`~actors.runtime.StartError` where that fails:
        then ``transport.on_ended`` has been called.
        """
        if not hasattr(transport, "on_ended"):
            transport = _operator(transport)
        return self.socket_class(transport, state)

    def _connect_info(self, opened: Opened) -> dict[str, Any]:
        source = Source(
            request=opened.request,
            now=self.defaults.clock(),
            secrets=self.defaults.secrets,
            clock_skew=self.defaults.clock_skew,
            on_ahead=token.report_ahead,
            check_csrf=self.options.check_csrf,
            auth_token=opened.auth_token,
        )
        return collect(self._fields, source)


Mount = TransportMount
"""Its name in 0.1, for transports that were written for that."""


class _Renamed:
    """An operator for 0.1, whose ``parked`` and ``ended`` have other names now."""

    def __init__(self, given: Any) -> None:
        self._given = given
        self.deliver, self.flush, self.on_ended = given.deliver, given.flush, given.ended
        self.on_blocked = getattr(given, "parked", given.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._given, name)


def _operator(given: Any) -> Transport:
    """Return an operator with the names that a socket calls, which one for 0.1 has not."""
    if not hasattr(given, "ended"):
        operator: Transport = given
        return operator
    name = type(given).__name__
    warnings.warn(
        f"{name}.parked and {name}.ended are called on_blocked and on_ended now; the old names go"
        " with the next release",
        DeprecationWarning,
        stacklevel=3,
    )
    return _Renamed(given)


def _kind(answer: object) -> str:
    if answer is None or isinstance(answer, bool):
        return repr(answer)
    return f"{answer.__name__}" if isinstance(answer, type) else f"a {type(answer).__name__}"


def _current(socket_class: type[Socket]) -> type[Socket]:
    """Return the class of that name after a reload of its module; itself if there is none."""
    found: Any = sys.modules.get(socket_class.__module__)
    for name in socket_class.__qualname__.split("."):
        found = getattr(found, name, None)
    return found if isinstance(found, type) else socket_class
