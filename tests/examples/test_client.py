"""The examples of a client, client_chat and client_chat_aio, as a person runs them."""

from __future__ import annotations

import pytest

from tests.support.command import Command, Program


@pytest.fixture
def chat():
    with Command("examples.chat:endpoint") as command:
        yield command


@pytest.mark.parametrize("name", ["client_chat", "client_chat_aio"])
def test_an_example_says_something_in_a_room(chat, name):
    url = chat.url.replace("http", "ws") + "/socket"
    with Program(f"examples/{name}.py", url, "lobby", "Good morning") as program:
        assert program.ended() == 0, program.lines
    assert program.lines == ["ada: Good morning"]


@pytest.mark.parametrize("name", ["client_chat", "client_chat_aio"])
def test_an_example_says_why_it_has_failed(chat, name):
    url = chat.url.replace("http", "ws") + "/elsewhere"
    with Program(f"examples/{name}.py", url, "lobby", "Good morning") as program:
        assert program.ended() == 1
    assert program.lines[-1].endswith("/elsewhere/websocket: the server refused it with 404")
