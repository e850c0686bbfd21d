"""The demo: its files, and its page of the echo in a real browser; the chat has its own tests."""

from __future__ import annotations

import re
import signal

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from actors.endpoint.demo import PAGES
from tests.support import raw
from tests.support.browser import Page, chromium
from tests.support.command import Command


@pytest.fixture(scope="module")
def demo():
    with Command() as command:
        yield command


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


class Echo(Page):
    """The second page of the demo."""

    def __init__(self, browser, url):
        super().__init__(browser, f"{url}/echo")

    @property
    def frames(self):
        rows = self.browser.find_elements(By.CSS_SELECTOR, "#frames li")
        return [
            tuple(row.find_element(By.CSS_SELECTOR, f":nth-child({n})").text for n in (2, 3))
            for row in rows
        ]

    def wait_frame(self, *frame):
        self.wait(lambda: frame in self.frames)


@pytest.fixture
def page(browser, demo):
    opened = Echo(browser, demo.url)
    opened.wait_state("connected")
    return opened


def test_message_goes_and_comes_back(page):
    page.say("hello, actor")
    page.wait_frame("← received text", "hello, actor")
    assert page.frames == [
        ("· note", "connected"),
        ("→ sent text", "hello, actor"),
        ("← received text", "hello, actor"),
    ]
    took = page.browser.find_element(By.CSS_SELECTOR, "#frames li:last-child .extra").text
    assert re.fullmatch(r"\d+\.\d ms", took)
    assert page.find("figures").text == "1 sent, 1 received"
    assert page.find("text").get_attribute("value") == ""


def test_message_is_shown_as_it_is_and_not_as_markup(page):
    page.say("<b>bold</b> ✓")
    page.wait_frame("← received text", "<b>bold</b> ✓")


def test_binary_message_goes_and_comes_back(page):
    page.find("binary").click()
    page.say("Az")
    page.wait_frame("← received binary", "41 7a (2 bytes)")


def test_person_disconnects_and_connects_again(page):
    toggle = page.find("toggle")
    toggle.click()
    page.wait_state("disconnected")
    assert page.frames[-1] == ("· note", "closed: code 1000")
    assert toggle.text == "Connect"
    assert not page.find("send").is_enabled()
    toggle.click()
    page.wait_state("connected")
    page.say("again")
    page.wait_frame("← received text", "again")


def test_frames_are_cleared(page):
    page.find("clear").click()
    assert page.frames == []


def test_transports_are_offered_by_name(page):
    names = [option.text for option in Select(page.find("transport")).options]
    assert names == ["WebSocket", "Long polling"]


def test_person_switches_to_long_polling_and_back(page):
    choice = Select(page.find("transport"))
    choice.select_by_visible_text("Long polling")
    page.wait(lambda: page.frames.count(("· note", "connected")) == 2)
    page.say("by and by")
    page.wait_frame("← received text", "by and by")
    page.find("binary").click()
    page.say("Az")
    page.wait_frame("← received binary", "41 7a (2 bytes)")
    choice.select_by_visible_text("WebSocket")
    page.wait(lambda: page.frames.count(("· note", "connected")) == 3)
    page.find("binary").click()
    page.say("at once")
    page.wait_frame("← received text", "at once")


def test_long_polling_page_comes_back_when_the_server_does(browser):
    with Command() as command:
        page = Echo(browser, command.url)
        Select(page.find("transport")).select_by_visible_text("Long polling")
        page.wait(lambda: page.frames.count(("· note", "connected")) == 2)
        command.signal(signal.SIGTERM)
        page.wait_state("connecting again")
        assert command.ended() == 0
    bind = "{}:{}".format(*command.address)
    with Command(bind=bind):
        page.wait_state("connected")
        page.say("back")
        page.wait_frame("← received text", "back")


def test_page_comes_back_when_the_server_does(browser):
    with Command() as command:
        page = Echo(browser, command.url)
        page.wait_state("connected")
        command.signal(signal.SIGTERM)
        page.wait_state("connecting again")
        # What comes behind these two are the refusals of its attempts, the first within 0.2 s.
        assert page.frames[:2] == [("· note", "connected"), ("· note", "closed: code 1012")]
        assert command.ended() == 0
    bind = "{}:{}".format(*command.address)
    with Command(bind=bind):
        page.wait_state("connected")
        page.say("back")
        page.wait_frame("← received text", "back")


def test_page_has_no_complaint_of_the_browser(page):
    page.browser.get_log("browser")  # of the tests before, whose server went away
    page.browser.refresh()
    page.wait_state("connected")
    assert page.browser.get_log("browser") == []


def test_page_leads_to_the_chat_and_back(page):
    page.browser.find_element(By.LINK_TEXT, "Chat").click()
    page.wait(lambda: page.browser.title == "Roost: chat")
    page.browser.find_element(By.LINK_TEXT, "Echo").click()
    page.wait(lambda: page.browser.title == "Roost: echo")
    page.wait_state("connected")


def test_picture_of_the_page_is_kept(page):
    page.say("hello, actor")
    page.wait_frame("← received text", "hello, actor")
    page.keep_picture("demo-echo")


def test_every_control_has_a_name(page):
    controls = page.browser.find_elements(By.CSS_SELECTOR, "button, input, select, [role=log]")
    assert len(controls) >= 7
    assert [c.get_attribute("id") for c in controls if not c.accessible_name] == []


@pytest.mark.parametrize("path", PAGES)
def test_file_is_served_with_its_type_and_a_policy(demo, path):
    with raw.Client(demo.address) as client:
        answer = client.ask(path)
        assert (answer.status, answer.headers["content-type"]) == (200, PAGES[path][1])
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; ")
        assert b"http://" not in answer.body.replace(b"http://www.w3.org/2000/svg", b"")
        assert b"https://" not in answer.body
        head = client.ask(path, method="HEAD")
        assert head.headers["content-length"] == str(len(answer.body))


def test_file_is_not_taken_for_another_method(demo):
    with raw.Client(demo.address) as client:
        answer = client.ask("/", method="POST", body=b"x")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_path_with_more_slashes_is_the_same_file(demo):
    with raw.Client(demo.address) as client:
        assert client.ask("//echo.js/").status == 200
