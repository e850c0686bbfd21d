"""The session of the web framework beside us, read by the framework itself.

A login on a page of Flask or Django is known in ``connect`` (docs/sessions.md). Where the framework
keeps its sessions is its own affair: its library reads them, on a carrier, where that may block.
"""

from __future__ import annotations

import io
from importlib import import_module
from typing import Any

from transports.http.cookies import parse_cookies
from transports.http.request import Request
from transports.wsgi.environ import from_request


class FlaskSession:
    """The session of a Flask application, by its ``session_interface``.

    ``app`` is the ``flask.Flask``. Extensions that keep sessions on the server (Flask-Session)
    set another interface there, which is asked in an application context.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    def read(self, request: Request) -> dict[str, Any] | None:
        local = request.host, request.port
        environ = from_request(request, local, io.StringIO())
        app = self._app
        with app.app_context():  # whose end lets go of what reading has opened
            found = app.session_interface.open_session(app, app.request_class(environ))
            return dict(found) or None if found is not None else None


class DjangoSession:
    """The session of Django, by the engine of its settings (``django.contrib.sessions``).

    ``settings.SESSION_ENGINE`` and ``SESSION_COOKIE_NAME`` count; who is logged in is the value of
    ``"_auth_user_id"``. An engine that keeps sessions in the database needs ``django.setup()``.
    """

    def read(self, request: Request) -> dict[str, Any] | None:
        settings = import_module("django.conf").settings
        key = parse_cookies(request.headers_named("cookie")).get(settings.SESSION_COOKIE_NAME)
        if not key:
            return None
        store = import_module(settings.SESSION_ENGINE).SessionStore(key)
        try:
            return dict(store.items()) or None
        finally:
            _close_connections()


def _close_connections() -> None:
    """Close what reading has opened: Django does so at the end of its requests, and this is none.

    Each greenlet has connections of its own, and a carrier lives on.
    """
    for connection in import_module("django.db").connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
