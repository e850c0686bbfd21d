"""Listening sockets: bound, or inherited as sd_listen_fds(3) says."""

from __future__ import annotations

import os
import socket
import tempfile
from contextlib import ExitStack

import pytest

from actors.errors import ConfigError
from supervision.processes import sockets
from supervision.processes.sockets import OWN_VARIABLE, bind, inherited

FIRST = 200
"""In the place of 3, which is somebody else's in the process of the tests."""


@pytest.fixture
def hand_over(monkeypatch):
    """Return a function that puts descriptors where a service manager does."""
    monkeypatch.setattr(sockets, "FIRST_INHERITED", FIRST)
    with ExitStack() as stack:

        def handed(*given):
            for number, each in enumerate(given, FIRST):
                os.dup2(each.fileno(), number)
                stack.callback(close, number)
                each.close()
            return {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(given))}

        yield handed


def close(fd):
    try:
        os.close(fd)
    except OSError:
        pass  # whoever adopted it has closed it


@pytest.mark.parametrize(
    ("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)]
)
def test_bound_socket_listens_without_delay_and_is_not_inheritable(host, family):
    with bind(host, 0) as sock:
        assert sock.family == family
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        assert not sock.get_inheritable()
        with socket.create_connection(sock.getsockname()[:2], 5), sock.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_address_in_use_is_an_error_and_leaves_nothing_open():
    with bind("127.0.0.1", 0) as sock, pytest.raises(OSError, match="in use"):
        bind(*sock.getsockname())


def test_address_can_be_bound_again_at_once():
    with bind("127.0.0.1", 0) as sock:
        address = sock.getsockname()
        with socket.create_connection(address, 5), sock.accept()[0]:
            pass
    with bind(*address):
        pass


def test_nothing_is_inherited_unless_it_is_for_this_process(hand_over):
    environ = hand_over(bind("127.0.0.1", 0))
    pid = os.getpid()
    assert inherited({}, pid) == []
    assert inherited({**environ, "LISTEN_PID": str(pid + 1)}, pid) == []
    assert inherited({"LISTEN_PID": str(pid)}, pid) == []


def test_sockets_of_a_service_manager_are_taken_in_order(hand_over):
    given = [bind("127.0.0.1", 0), bind("::1", 0)]
    addresses = [sock.getsockname() for sock in given]
    found = inherited(hand_over(*given), os.getpid())
    assert [sock.getsockname() for sock in found] == addresses
    for sock in found:
        assert not sock.get_inheritable()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        sock.close()


def test_sockets_of_an_earlier_master_come_first(hand_over):
    with bind("127.0.0.1", 0) as other:
        environ = hand_over(bind("127.0.0.1", 0))
        fd = os.dup(other.fileno())
        (found,) = inherited({**environ, OWN_VARIABLE: str(fd)}, os.getpid())
        assert found.getsockname() == other.getsockname()
        found.close()


@pytest.mark.parametrize("text", ["x", "-1", "+1", "1.0", "1_0", "٣", ""])
def test_count_must_be_a_number(text):
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": text}
    with pytest.raises(ConfigError, match=r"LISTEN_FDS=.*must be numbers"):
        inherited(environ, os.getpid())


@pytest.mark.parametrize("text", ["x", "7,", "7,-8"])
def test_own_list_must_be_numbers(text):
    with pytest.raises(ConfigError, match=f"{OWN_VARIABLE}=.*must be numbers"):
        inherited({OWN_VARIABLE: text}, os.getpid())


def test_unix_sockets_are_taken_too(hand_over, tmp_path):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(tmp_path / "x.sock"))
    sock.listen()
    (found,) = inherited(hand_over(sock), os.getpid())
    assert found.getsockname() == str(tmp_path / "x.sock")
    assert not found.get_inheritable()
    found.close()


def unbound():
    return socket.socket()


def datagram():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def abstract():
    sock = socket.socket(socket.AF_UNIX)
    sock.bind("")
    sock.listen()
    return sock


@pytest.mark.parametrize("make", [unbound, datagram, abstract])
def test_other_socket_is_refused_and_stays_open(hand_over, make):
    environ = hand_over(make())
    with pytest.raises(ConfigError, match=f"descriptor {FIRST} is no listening TCP or Unix socket"):
        inherited(environ, os.getpid())
    os.fstat(FIRST)


def test_what_is_no_socket_is_refused(hand_over):
    with pytest.raises(ConfigError, match=f"descriptor {FIRST} is no socket"):
        inherited(hand_over(tempfile.TemporaryFile()), os.getpid())  # noqa: SIM115 - handed over
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
    os.close(FIRST)
    with pytest.raises(ConfigError, match="is no socket: Bad file descriptor"):
        inherited(environ, os.getpid())
