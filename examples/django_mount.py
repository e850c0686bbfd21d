"""Django pages and Roost sockets on one port, either way round.

Our own server, with Django for what no socket takes::

    python -m actors.endpoint examples.django_mount:endpoint

Our sockets inside gunicorn::

    gunicorn -k geventwebsocket.gunicorn.workers.GeventWebSocketWorker examples.django_mount

A project of your own has ``DJANGO_SETTINGS_MODULE`` in place of ``settings.configure``, and this
in its ``wsgi.py``.
"""

import secrets

from django.conf import settings  # type: ignore[import-untyped]
from django.core.wsgi import get_wsgi_application  # type: ignore[import-untyped]
from django.http import HttpRequest, HttpResponse  # type: ignore[import-untyped]
from django.urls import path  # type: ignore[import-untyped]

from actors import ConnectInfo, Endpoint, Ok, Opcode, Reply, Socket

settings.configure(
    SECRET_KEY=secrets.token_hex(),  # a project keeps one
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)


def index(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<title>Django</title><p>The sockets are at /echo.</p>")


urlpatterns = [path("", index)]


class EchoSocket(Socket):
    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok:
        return Ok(None)

    def handle_in(self, payload: str | bytes, opcode: Opcode) -> Reply:
        return Reply(payload, opcode=opcode)


endpoint = Endpoint(fallback=get_wsgi_application())
endpoint.socket("/echo", EchoSocket, longpoll=True)

application = endpoint.wsgi()
