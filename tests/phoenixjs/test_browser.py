"""Stock phoenix.js in Chromium: two tabs talk, one loses the network, a worker is killed."""

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

    @property
    def heard(self):
        self.front()
        return [item.text for item in self.browser.find_elements(By.CSS_SELECTOR, "#messages li")]

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

    def say(self, text):
        self.front()
        self.browser.find_element(By.ID, "text").send_keys(text, Keys.ENTER)

    def hears(self, *texts):
        self.until(lambda: self.heard == list(texts), f"heard {self.heard}, not {texts}")


@pytest.mark.parametrize("transport", ["websocket", "longpoll", "fallback"])
@pytest.mark.parametrize("version", ["1.7.19", "1.8.16"])
def test_two_tabs_talk_lose_the_network_and_a_worker_and_talk_again(
    server, cable, browser, version, transport
):
    room = next(ROOMS)
    page = f"/?version={version}&transport={transport}&room={room}"
    one = Tab(browser, "http://{}:{}".format(*cable.address) + page)
    other = Tab(browser, server.url + page)
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
    reports = ROOT / "reports"
    reports.mkdir(exist_ok=True)
    assert browser.save_screenshot(str(reports / f"phoenixjs-{version}-{transport}.png"))
