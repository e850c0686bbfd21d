"""Sockets inside a server of somebody else's, and WSGI applications behind ours.

``application`` is what ``Endpoint.wsgi()`` answers: gevent's pywsgi, or gunicorn's gevent worker,
calls it for each request. It makes a request of the environ (``environ``) and asks the endpoint's
routes; what they answer with runs on a carrier, against an ``exchange``, which is to a handler what
``transports.http.connection`` is under our own server, until it takes the client's socket over
(``taken``). ``servers`` sees when the server around it has stopped. ``host`` says what it needs of
the endpoint above. ``gateway`` is the other way round: it serves a WSGI application, the endpoint's
``fallback``, from our own server.

Everything here runs in the greenlet of the server that calls, or on a carrier; the socket is that
server's until it is handed over. ``pre_start_hook`` is for servers whose handler is
geventwebsocket's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.lazy import lazy

if TYPE_CHECKING:
    from transports.wsgi.application import pre_start_hook as pre_start_hook
else:  # lazily: gevent's server is not for those whom ours serves
    __all__, __getattr__, __dir__ = lazy(
        globals(), {"transports.wsgi.application": "pre_start_hook"}
    )
