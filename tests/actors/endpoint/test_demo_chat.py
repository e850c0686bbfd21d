"""The demo's chat: pages in a real browser that talk to each other, and who may end a worker."""

from __future__ import annotations

import json

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.support.browser import Page, chromium
from tests.support.command import Command
from tests.support.raw import TEXT, Client, frame

BOTH = ["WebSocket", "Long polling"]


@pytest.fixture(scope="module")
def demo():
    with Command(workers=2) as command:
        yield command


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


class Chat(Page):
    """One person."""

    def __init__(self, browser, demo, name, *, room="lobby", transport="WebSocket", new=False):
        super().__init__(browser, f"{demo.url}/", new=new)
        self.wait_state("connected")
        if transport != "WebSocket":
            self.choose("transport", transport)
            self.wait_note("you are in the lobby", 2)
        if self.find("name").get_attribute("value") != name:  # a tab remembers its own
            self.write("name", name)
        if room != "lobby":
            self.choose("room", room)
            self.wait_note(f"you are in the {room}")
        self.wait_state("connected")

    def choose(self, name, choice):
        Select(self.find(name)).select_by_visible_text(choice)

    def write(self, name, text):
        """Write into a field instead of what it holds, and leave it."""
        joined = len(self.notes("you are in"))
        self.find(name).send_keys(Keys.CONTROL, "a", Keys.NULL, text, Keys.TAB)
        self.wait(lambda: len(self.notes("you are in")) > joined)

    def notes(self, start):
        found = self.browser.find_elements(By.CSS_SELECTOR, "#messages .note")
        return [note for each in found if (note := each.text).startswith(start)]

    def wait_note(self, start, count=1):
        return self.wait(lambda: len(found := self.notes(start)) >= count and found[-1])

    @property
    def said(self):
        """Who said what, as far as it is shown."""
        who = self.browser.find_elements(By.CSS_SELECTOR, "#messages .who")
        what = self.browser.find_elements(By.CSS_SELECTOR, "#messages .what")
        return [(w.text, t.text) for w, t in zip(who, what, strict=False)]

    def wait_said(self, *message):
        self.wait(lambda: message in self.said)

    def wait_people(self, *people):
        """Wait until these are shown to be here, and nobody else."""
        words = f"Here: {', '.join(people)}" if people else ""
        self.wait(lambda: self.find("people").text == words)


@pytest.fixture
def pair(browser, demo):
    """Two people in one room, each with a tab."""
    opened = []

    def make(first="WebSocket", second="WebSocket", room="lobby"):
        one = Chat(browser, demo, "Ada", room=room, transport=first)
        other = Chat(browser, demo, "Grace", room=room, transport=second, new=True)
        opened.append(other)
        for page in (one, other):
            page.wait_people("Ada", "Grace")
        assert one.notes("Grace") == ["Grace came in"]
        assert other.notes("Ada") == []  # who was there before does not come
        return one, other

    yield make
    for page in opened:
        page.close()


@pytest.mark.parametrize("second", BOTH)
@pytest.mark.parametrize("first", BOTH)
def test_two_people_talk_over_each_transport(pair, first, second):
    ada, grace = pair(first, second)
    ada.say("hello")
    grace.wait_said("Ada", "hello")
    ada.wait_said("Ada", "hello")
    grace.say("<b>good day</b> ✓")
    ada.wait_said("Grace", "<b>good day</b> ✓")
    assert ada.said[-2:] == [("Ada", "hello"), ("Grace", "<b>good day</b> ✓")]


def test_who_types_is_shown_until_it_is_said(pair):
    ada, grace = pair()
    grace.find("text").send_keys("I am about to")
    ada.wait(lambda: ada.find("typing").text == "Grace is typing …")
    grace.find("text").send_keys(" say it", Keys.ENTER)
    ada.wait_said("Grace", "I am about to say it")
    assert ada.find("typing").text == ""
    assert grace.find("typing").text == ""


@pytest.mark.parametrize("transport", BOTH)
def test_rooms_are_apart(pair, transport):
    ada, grace = pair(second=transport)
    lobby = len(grace.notes("you are in the lobby"))
    grace.choose("room", "garden")
    ada.wait_note("Grace left")
    ada.wait_people("Ada")
    grace.wait_note("you are in the garden")
    grace.wait_people("Grace")
    ada.say("nobody hears")
    ada.wait_said("Ada", "nobody hears")
    grace.choose("room", "lobby")
    grace.wait_note("you are in the lobby", lobby + 1)
    for page in (ada, grace):
        page.wait_people("Ada", "Grace")
    ada.say("welcome back")
    grace.wait_said("Ada", "welcome back")
    assert ("Ada", "nobody hears") not in grace.said


@pytest.mark.parametrize("transport", BOTH)
def test_person_goes_offline_and_comes_back(pair, transport):
    ada, grace = pair(second=transport)
    toggle = grace.find("toggle")
    toggle.click()
    grace.wait_state("offline")
    assert toggle.text == "Come back"
    assert not grace.find("send").is_enabled()
    ada.wait_note("Grace left")
    ada.wait_people("Ada")
    grace.wait_people()
    ada.say("missed")
    ada.wait_said("Ada", "missed")
    grace.find("toggle").click()
    grace.wait_state("connected")
    ada.wait_note("Grace came in", 2)
    for page in (ada, grace):
        page.wait_people("Ada", "Grace")
    grace.say("I am back")
    ada.wait_said("Grace", "I am back")
    assert ("Ada", "missed") not in grace.said


@pytest.mark.parametrize("transport", BOTH)
def test_a_person_is_there_until_the_last_window_is_closed(pair, browser, demo, transport):
    ada, grace = pair(second=transport)
    second = Chat(browser, demo, "Grace", transport=transport, new=True)
    for page in (ada, grace, second):
        page.wait_people("Ada", "Grace (2 windows)")
    second.close()
    for page in (ada, grace):
        page.wait_people("Ada", "Grace")
    assert ada.notes("Grace") == ["Grace came in"]


@pytest.mark.parametrize("transport", BOTH)
def test_who_goes_to_another_page_leaves_and_is_there_again_when_back(pair, transport):
    ada, grace = pair(second=transport)
    grace.browser.get(grace.browser.current_url + "echo")
    ada.wait_people("Ada")
    grace.browser.back()
    grace.wait_state("connected")
    for page in (ada, grace):
        page.wait_people("Ada", "Grace")


def test_another_transport_is_no_second_window(pair):
    ada, grace = pair()
    for choice in (BOTH[1], BOTH[0]):
        joins = len(grace.notes("you are in"))
        grace.choose("transport", choice)
        grace.wait_note("you are in", joins + 1)
        for page in (ada, grace):
            page.wait_people("Ada", "Grace")


def test_a_name_goes_along_when_it_changes(pair):
    ada, grace = pair()
    grace.write("name", "Rear Admiral")
    ada.wait_note("Rear Admiral came in")
    ada.wait_note("Grace left")
    for page in (ada, grace):
        page.wait_people("Ada", "Rear Admiral")
    grace.say("aye")
    ada.wait_said("Rear Admiral", "aye")


def test_killed_worker_takes_a_connection_along_and_no_more(pair, demo):
    ada, grace = pair()
    gone = grace.notes("you are in")[-1].rpartition(" ")[2]
    grace.find("end").click()
    demo.wait_for(rf"\b{gone}\b.*SIGKILL|SIGKILL.*\b{gone}\b")
    grace.wait(lambda: len(grace.notes("you are in")) > 2)
    grace.wait_state("connected")
    assert gone not in grace.notes("you are in")[-1]
    for page in (ada, grace):
        page.wait_people("Ada", "Grace")
    ada.wait_state("connected")
    grace.say("what was that?")
    ada.wait_said("Grace", "what was that?")
    assert ada.notes("Grace") == ["Grace came in"]  # who comes back has not left


def test_page_has_no_complaint_of_the_browser(pair):
    ada, grace = pair(second="Long polling")
    ada.browser.get_log("browser")  # of the tests before
    ada.browser.refresh()
    ada.wait_state("connected")
    ada.say("hello")
    grace.wait_said("Ada", "hello")
    assert grace.browser.get_log("browser") == []


def test_picture_of_a_talk_is_kept(pair):
    ada, grace = pair(room="attic")
    usual = grace.browser.get_window_size()
    grace.browser.set_window_size(900, 900)
    talk = [
        (ada, "Is anybody up here?"),
        (grace, "Only me. Shall we kill a worker?"),
        (ada, "Yours first, please."),
    ]
    for page, words in talk:
        page.say(words)
        for each in (ada, grace):
            each.wait(lambda words=words, each=each: words in dict(map(reversed, each.said)))
    ada.find("text").send_keys("…")
    grace.wait(lambda: grace.find("typing").text == "Ada is typing …")
    grace.keep_picture("demo-chat")
    grace.browser.set_window_size(usual["width"], usual["height"])


def test_every_control_has_a_name_and_news_are_announced(browser, demo):
    page = Chat(browser, demo, "Ada")
    controls = page.browser.find_elements(
        By.CSS_SELECTOR, "button, input, select, nav a, [role=log], nav"
    )
    assert len(controls) >= 11
    assert [each.get_attribute("id") for each in controls if not each.accessible_name] == []
    assert page.find("messages").aria_role == "log"
    assert page.find("state").aria_role == "status"
    for name in ("people", "typing"):
        assert page.find(name).get_attribute("aria-live") == "polite"


def test_keyboard_alone_is_enough(pair):
    ada, grace = pair()
    grace.find("text").click()  # where a page that was just opened has its focus
    reached = []
    while "Chat" not in reached and len(reached) < 12:
        press(grace, Keys.TAB, shift=True)
        focused = grace.browser.switch_to.active_element
        reached.append(focused.get_attribute("id") or focused.text)
        style = "return getComputedStyle(document.activeElement).outlineStyle"
        assert grace.browser.execute_script(style) != "none"
    back = ["messages", "room", "name", "toggle", "end", "transport", "Echo", "Chat"]
    assert reached == back
    for _ in back:
        press(grace, Keys.TAB)
    press(grace, "by hand" + Keys.ENTER)
    ada.wait_said("Grace", "by hand")
    assert grace.browser.switch_to.active_element.get_attribute("id") == "text"
    press(grace, Keys.TAB)
    assert grace.browser.switch_to.active_element.get_attribute("id") == "send"


def press(page, keys, *, shift=False):
    actions = ActionChains(page.browser)
    if shift:
        actions.key_down(Keys.SHIFT).send_keys(keys).key_up(Keys.SHIFT)
    else:
        actions.send_keys(keys)
    actions.perform()


def test_page_has_its_focus_where_one_types(browser, demo):
    page = Page(browser, demo.url)
    page.wait_state("connected")
    assert page.browser.switch_to.active_element.get_attribute("id") == "text"


def test_page_fits_a_small_telephone(browser, demo):
    page = Chat(browser, demo, "Somebody with a rather long na")
    page.wait_people("Somebody with a rather long na")
    page.say("x" * 400)
    page.wait(lambda: ("Somebody with a rather long na", "x" * 400) in page.said)
    # A window of Chromium's is never that narrow; the device metrics of a page may be.
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        width = "return document.documentElement.scrollWidth"
        assert page.browser.execute_script(width) == 360
        assert page.find("messages").size["width"] > 300
        for name in ("text", "send", "toggle", "room"):
            right = page.find(name).rect["x"] + page.find(name).rect["width"]
            assert right <= 360
        page.keep_picture("demo-chat-360")
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


# -- who may end a worker


def join(address, mount, host="localhost"):
    """Join the lobby; return the client, and what the join was answered."""
    client = Client(address)
    assert client.upgrade(f"{mount}/websocket?vsn=2.0.0", host=host).status == 101
    return client, ask(client, "phx_join", {"name": "Eve"})


def ask(client, event, payload):
    client.send(frame(TEXT, json.dumps(["1", "2", "room:lobby", event, payload]).encode()))
    while (answer := json.loads(client.frame().payload))[3] != "phx_reply":
        pass  # who else is here
    return answer[4]


@pytest.mark.parametrize(
    ("bind", "workers", "mount"),
    [
        ("127.0.0.1:0", 0, "/local"),  # no other worker stays
        ("0.0.0.0:0", 2, "/local"),  # others can connect
        ("127.0.0.1:0", 2, "/chat"),  # any name of the host is taken here
    ],
)
def test_worker_is_not_ended_for(bind, workers, mount):
    with Command(bind=bind, workers=workers) as command:
        client, answer = join(("127.0.0.1", command.address[1]), mount)
        with client:
            assert answer["response"]["may_end_worker"] is False
            assert ask(client, "end_worker", {})["status"] == "error"
            assert ask(client, "say", {"body": "still here"}) is not None


@pytest.mark.parametrize(
    ("host", "origin"), [("evil.test", None), ("localhost", "http://evil.test")]
)
def test_page_from_elsewhere_does_not_get_there(demo, host, origin):
    lines = () if origin is None else (f"Origin: {origin}",)
    with Client(demo.address) as client:
        answer = client.upgrade("/local/websocket?vsn=2.0.0", *lines, host=host)
        assert answer.status == 403


@pytest.mark.parametrize("name", [None, 5, "", "   ", "x" * 31])
def test_join_needs_a_name(demo, name):
    with Client(demo.address) as client:
        assert client.upgrade("/chat/websocket?vsn=2.0.0").status == 101
        reason = "a name has 1 to 30 characters"
        answer = ask(client, "phx_join", {"name": name})
        assert answer == {"status": "error", "response": {"reason": reason}}


@pytest.mark.parametrize("body", [None, 5, "", "   ", "x" * 501])
def test_message_needs_a_body(demo, body):
    client, _ = join(demo.address, "/chat")
    with client:
        reason = "a message has 1 to 500 characters"
        answer = ask(client, "say", {"body": body})
        assert answer == {"status": "error", "response": {"reason": reason}}
