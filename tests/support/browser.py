"""A real Chromium, without a window, that nobody but this machine's servers is asked by."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from tests.support.waiting import TIMEOUT

CHROMIUM: Final = Path("/usr/bin/chromium")  # Debian's
# A browser that looks for updates and names of its maker's hosts finds none here, and takes its time.
_FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_TOKEN: Final = "perdure.token"  # where the page keeps one
_LOST: Final = (
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_CONNECTION_CLOSED",
    "ERR_SOCKET_NOT_CONNECTED",
    "ERR_INCOMPLETE_CHUNKED",
    "ERR_EMPTY_RESPONSE",
)
# What fades in has other colours meanwhile.
_SETTLED: Final = """
    Promise.all(
        document.getAnimations().filter(each => each.effect.getTiming().iterations === 1).map(each => each.finished)
    )
"""
Scheme = Literal["light", "dark"]


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; its pages forget everything with their contexts."""
    expect.set_options(timeout=TIMEOUT * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS, timeout=2 * TIMEOUT * 1000)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A page of a server, opened by somebody who has a token. A context manager.

    Attributes:
        page: Playwright's.
        complaints: what the browser said against it: errors of scripts, what the page's policy forbade.
    """

    def __init__(
        self,
        browser: Browser,
        address: str,
        token: str | None,
        where: str = "#/jobs",
        *,
        scheme: Scheme = "light",
        width: int = 1280,
        height: int = 800,
    ) -> None:
        self.complaints: list[str] = []
        self._context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        self._context.set_default_timeout(TIMEOUT * 1000)
        self.page: Page = self._context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        if token is not None:
            self.page.add_init_script(f"sessionStorage.setItem({_TOKEN!r}, {token!r})")
        self.page.goto(f"{address}/{where}")

    def _said(self, message: ConsoleMessage) -> None:
        # A server that is killed, or refuses, is no fault of the page.
        if message.type == "error" and not any(each in message.text for each in (*_LOST, "the server responded with")):
            self.complaints.append(message.text)

    def go(self, where: str) -> None:
        """Another view, as if its address were typed."""
        self.page.evaluate("where => { location.hash = where }", where)

    def barriers(self) -> list[str]:
        """What axe-core finds that keeps people from using the page: serious and critical issues."""
        self.page.evaluate(_SETTLED)
        before = len(self.complaints)
        found: dict[str, Any] = Axe().run(self.page).response
        self.page.evaluate("null")  # what was said until now has come
        del self.complaints[before:]  # the page's policy forbids what axe-core tries
        return [
            f"{issue['id']}: {node['target']} {node.get('failureSummary', '')}"
            for issue in found["violations"]
            if issue["impact"] in ("serious", "critical")
            for node in issue["nodes"]
        ]

    def close(self) -> None:
        """Close it. A second call does nothing."""
        self._context.close()

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
        if error[0] is None:
            assert self.complaints == []
