"""Stock phoenix.js in Chromium: two tabs talk, one loses the network, a worker is killed.

Each sees who is there meanwhile.
"""

from __future__ import annotations

import itertools

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.phoenixjs.server import Server
from tests.support.browser import chromium
from tests.support.cable import Cable
from tests.support.command import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
DEADLINE = 30
ROOMS = itertools.count(1)


@pytest.fixture(scope="module")
def server():
    with Server() as served:
        yield served


@pytest.fixture
def browser(tmp_path):
    with chromium(tmp_path) as driver:
        yield driver


@pytest.fixture
def cable(server):
    """What one of the tabs loses: Chromium's own offline mode leaves WebSockets as they are."""
    with Cable(server.command.address) as laid:
        yield laid


class Tab:
    """A page in a tab of its own. What is done or looked at comes to the front first."""

    def __init__(self, browser, url):
        browser.switch_to.new_window("tab")
        self.browser, self.handle = browser, browser.current_window_handle
        browser.get(url)
        self.wait("joined")

    def front(self):
        self.browser.switch_to.window(self.handle)

    def text(self, name):
        self.front()
        return self.browser.find_element(By.ID, name).text

    def items(self, kind):
        self.front()
        found = self.browser.find_elements(By.CSS_SELECTOR, f"#messages .{kind}")
        return [item.text for item in found]

    @property
    def heard(self):
        return self.items("said")

    @property
    def notes(self):
        """Who came, and who left."""
        return self.items("note")

    @property
    def worker(self):
        return int(self.text("worker"))

    @property
    def joins(self):
        return int(self.text("joins"))

    def until(self, condition, what):
        WebDriverWait(self.browser, DEADLINE).until(lambda _: condition(), what)

    def wait(self, state):
        self.until(lambda: self.text("state") == state, f"{state} did not come")

    def leave(self):
        self.front()
        self.browser.find_element(By.ID, "leave").click()
        self.wait("left")

    def say(self, text):
        self.front()
        self.browser.find_element(By.ID, "text").send_keys(text, Keys.ENTER)

    def sees(self, *people):
        self.until(
            lambda: self.text("people") == ", ".join(people), f"not {people}, after {self.notes}"
        )

    def hears(self, *texts):
        self.until(lambda: self.heard == list(texts), f"heard {self.heard}, not {texts}")


@pytest.mark.parametrize("transport", ["websocket", "longpoll", "fallback"])
@pytest.mark.parametrize("version", ["1.7.19", "1.8.16"])
def test_two_tabs_talk_and_see_each_other_through_a_lost_network_and_a_killed_worker(
    server, cable, browser, version, transport
):
    room = next(ROOMS)
    page = f"/?version={version}&transport={transport}&room={room}"
    one = Tab(browser, "http://{}:{}".format(*cable.address) + page + "&as=Ann")
    other = Tab(browser, server.url + page + "&as=Bob")
    for tab in (one, other):
        tab.sees("Ann", "Bob")
    assert one.notes == ["Ann came", "Bob came"]
    assert sorted(other.notes) == ["Ann came", "Bob came"]
    serves = "websocket" if transport == "websocket" else "longpoll"
    assert one.text("transport") == other.text("transport") == serves
    one.say("hello")
    other.hears("hello")
    other.say("and hello")
    one.hears("hello", "and hello")

    joins = one.joins
    cable.cut()
    one.wait("coming back")
    other.say("while one is away")
    other.hears("hello", "and hello", "while one is away")
    cable.mend()
    one.wait("joined")
    assert one.joins > joins
    for tab in (one, other):
        tab.sees("Ann", "Bob")
    one.say("back")
    one.hears("hello", "and hello", "back")
    other.hears("hello", "and hello", "while one is away", "back")

    killed = other.worker
    server.kill(killed)
    for tab in (one, other):
        tab.until(lambda tab=tab: tab.worker != killed, "a join elsewhere")
        tab.wait("joined")
    other.say("from another worker")
    one.hears("hello", "and hello", "back", "from another worker")
    for tab in (one, other):
        tab.sees("Ann", "Bob")
        assert sorted(tab.notes) == ["Ann came", "Bob came"]  # nobody ever left
    reports = ROOT / "reports"
    reports.mkdir(exist_ok=True)
    assert browser.save_screenshot(str(reports / f"phoenixjs-{version}-{transport}.png"))


@pytest.mark.parametrize("transport", ["websocket", "longpoll"])
def test_two_tabs_see_each_other_come_and_go(server, browser, transport):
    page = f"{server.url}/?version=1.8.16&transport={transport}&room={next(ROOMS)}&as="
    one = Tab(browser, page + "Ann")
    one.sees("Ann")
    other = Tab(browser, page + "Bob")
    again = Tab(browser, page + "Bob")
    for tab in (one, other, again):
        tab.sees("Ann", "Bob")
    again.leave()
    one.say("Bob has another tab")
    other.hears("Bob has another tab")
    other.leave()
    one.sees("Ann")
    assert one.notes == ["Ann came", "Bob came", "Bob left"]
