"""Debian's Chromium, headless, and what a person sees and does on a page of the demo."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.support.command import ROOT
from tests.support.waiting import DEADLINE

SCREENSHOTS = ROOT / "reports"

# A browser on a machine without a network: it must not try to call home.
ARGUMENTS = (
    "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=900,760",
)  # fmt: skip


@contextmanager
def chromium(profile: Path) -> Iterator[webdriver.Chrome]:
    """Start Debian's Chromium, which keeps its files in ``profile``, and end it.

    What pages log is in ``get_log("browser")``.
    """
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={profile}")
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium's needs another user than root
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        yield driver
    finally:
        driver.quit()


class Page:
    """One tab, brought to the front for whatever is done in it."""

    def __init__(self, browser: webdriver.Chrome, url: str, *, new: bool = False) -> None:
        self._driver = browser
        if new:
            browser.switch_to.new_window("tab")
        self._tab = browser.current_window_handle
        browser.get(url)

    @property
    def browser(self) -> webdriver.Chrome:
        if self._driver.current_window_handle != self._tab:
            self._driver.switch_to.window(self._tab)
        return self._driver

    def close(self) -> None:
        """Close the tab, and go to another one."""
        self.browser.close()
        self._driver.switch_to.window(self._driver.window_handles[0])

    def find(self, name: str) -> Any:
        return self.browser.find_element(By.ID, name)

    def wait(self, condition: Callable[[], Any]) -> Any:
        return WebDriverWait(self.browser, DEADLINE).until(lambda _: condition())

    def wait_state(self, words: str) -> None:
        self.wait(lambda: self.find("state").text == words)

    def say(self, text: str) -> None:
        self.find("text").send_keys(text, Keys.ENTER)

    def keep_picture(self, name: str) -> None:
        """Keep what is seen as ``reports/<name>.png``."""
        SCREENSHOTS.mkdir(exist_ok=True)
        assert self.browser.save_screenshot(str(SCREENSHOTS / f"{name}.png"))
