"""A login on a page of Flask or Django is known in ``connect``, whoever's server it is."""

from __future__ import annotations

import json
from contextlib import contextmanager

import django.conf
import django.http
import django.urls
import flask
import pytest
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connections
from flask.sessions import SecureCookieSession, SessionInterface
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

from actors import DjangoSession, Endpoint, Error, FlaskSession, Ok, Reply, Socket
from supervision.drills.wire import Polling
from tests.support.raw import TEXT, Client, frame
from tests.support.server import serve
from transports.http.request import Request

SECRET = "a secret of the tests, thirty-two characters"
ORIGIN = "Origin: http://localhost"
FROM_A_PAGE = "Sec-Fetch-Site: same-origin"


class Known(Socket):
    """Lets in who is logged in, and says who that is."""

    @classmethod
    def connect(cls, info):
        session = info.connect_info["session"]
        return Ok(session["user"]) if session else Error()

    def handle_in(self, payload, opcode):
        return Reply(self.state)


class Stored(SessionInterface):
    """Keeps sessions on the server, as extensions of Flask do; the cookie is a key."""

    def __init__(self):
        self.kept = {}

    def open_session(self, app, request):
        assert flask.current_app._get_current_object() is app
        return SecureCookieSession(self.kept.get(request.cookies.get("key"), {}))

    def save_session(self, app, session, response):
        self.kept["k1"] = dict(session)
        response.set_cookie("key", "k1")


def flask_app(interface=None):
    app = flask.Flask(__name__)
    app.secret_key = SECRET
    if interface is not None:
        app.session_interface = interface

    @app.post("/login/<name>")
    def login(name):
        flask.session["user"] = name
        return "welcome"

    return app, FlaskSession(app)


def login_django(request, name):
    request.session["user"] = name
    return django.http.HttpResponse("welcome")


# At once: until then its settings raise at whatever looks at them, as the garbage collector's
# objects are by other tests.
settings = django.conf.settings
settings.configure(
    SECRET_KEY=SECRET,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=(django.urls.path("login/<str:name>", login_django),),
    SESSION_COOKIE_NAME="django",
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    INSTALLED_APPS=["django.contrib.sessions"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "unused"}},
)
django.setup()


def django_app(engine, directory):
    settings.SESSION_FILE_PATH = str(directory)
    settings.DATABASES["default"]["NAME"] = str(directory / "db.sqlite3")
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    if engine == "db":
        connections.close_all()
        connections["default"].settings_dict["NAME"] = str(directory / "db.sqlite3")
        call_command("migrate", verbosity=0)
    return get_wsgi_application(), DjangoSession()


HOSTS = {
    "flask": lambda directory: flask_app(),
    "flask-stored": lambda directory: flask_app(Stored()),
    "django-cookie": lambda directory: django_app("signed_cookies", directory),
    "django-file": lambda directory: django_app("file", directory),
    "django-db": lambda directory: django_app("db", directory),
}


@contextmanager
def ours(endpoint, application):
    with serve(endpoint) as served:
        yield served.address


@contextmanager
def pywsgi(endpoint, application):
    adapter = endpoint.wsgi(application)
    server = WSGIServer(("127.0.0.1", 0), adapter, handler_class=WebSocketHandler, log=None)
    server.start()
    try:
        yield server.address
    finally:
        server.stop()
        adapter.drain(0.5)


@pytest.fixture(params=HOSTS)
def host(request, tmp_path):
    return HOSTS[request.param](tmp_path)


@pytest.fixture(params=[ours, pywsgi], ids=["ours", "pywsgi"])
def site(request, host):
    """The address of pages and sockets, and the Cookie header of alice, who has logged in."""
    application, session = host
    endpoint = Endpoint(fallback=application, secret_key_base=(SECRET,))
    options = {"connect_info": [("session", session)]}
    endpoint.socket("/known", Known, websocket=options, longpoll={**options, "window": 0.2})
    with request.param(endpoint, application) as address:
        with Client(address) as client:
            answer = client.ask("/login/alice", method="POST")
        assert answer.status == 200
        yield address, "Cookie: " + answer.headers["set-cookie"].partition(";")[0]


def test_who_is_logged_in_is_known_over_both_transports(site):
    address, cookie = site
    with Client(address) as client:
        assert client.upgrade("/known/websocket", cookie, ORIGIN).status == 101
        client.send(frame(TEXT, "who?"))
        assert client.frame().payload == b"alice"
    with Client(address) as client:
        session = Polling("/known/longpoll")
        client.send(session.poll(cookie, FROM_A_PAGE))
        assert session.adopt(client.answer())["status"] == 410
        client.send(session.post("who?", cookie, ORIGIN))
        assert session.adopt(client.answer()) == {"status": 200}
        client.send(session.poll(cookie, FROM_A_PAGE))
        assert session.adopt(client.answer())["messages"] == ["alice"]


def test_who_is_not_logged_in_is_refused(site):
    address, cookie = site
    forged = cookie[:-4] + "AAAA"
    for lines in ([ORIGIN], [ORIGIN, forged], [ORIGIN, "Cookie: other=1"]):
        with Client(address) as client:
            assert client.upgrade("/known/websocket", *lines).status == 403


@pytest.mark.parametrize(
    "line", [None, "Origin: http://evil.test", "Origin: null", "Sec-Fetch-Site: cross-site"]
)
def test_a_request_that_another_page_may_have_made_is_refused(site, line):
    address, cookie = site
    lines = [cookie] + ([line] if line else [])
    with Client(address) as client:
        assert client.upgrade("/known/websocket", *lines).status == 403
    with Client(address) as client:
        assert json.loads(client.ask("/known/longpoll", *lines).body) == {"status": 403}


def test_a_flask_application_without_a_secret_has_no_sessions():
    app, session = flask_app()
    app.secret_key = None
    endpoint = Endpoint(fallback=app)
    endpoint.socket("/known", Known, websocket={"connect_info": [("session", session)]})
    with ours(endpoint, app) as address, Client(address) as client:
        assert client.upgrade("/known/websocket", "Cookie: session=x", ORIGIN).status == 403


def test_reading_a_session_of_the_database_leaves_no_connection_open(tmp_path):
    _, session = django_app("db", tmp_path)
    connections.close_all()
    asked = Request("GET", "/x", "/x", "", (("cookie", "django=nobody-s-key"),))
    assert session.read(asked) is None
    used = connections.all(initialized_only=True)
    assert [each.connection for each in used] == [None]
