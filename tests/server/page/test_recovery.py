"""The page when its server is killed and comes back, and with very many jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, expect
from tests.support.browser import Visit, chromium
from tests.support.job_events import job_id
from tests.support.servers import server_on
from tests.support.shown_jobs import COUNTER, many

from perdure.runtime import Runtime, grant_as_asked

pytestmark = pytest.mark.timeout(300)

MANY: Final = 100_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def test_the_server_is_killed_and_comes_back(browser: Browser, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Runtime.open(data) as runtime:
        runtime.install(COUNTER, consent=grant_as_asked)
    with server_on(data) as server:
        port = server.port
        with server.client() as client:
            job = client.dispatch("counter:counter", {"target": 50_000_000})
        visit = Visit(browser, server.address, server.token)
        page = visit.page
        row = page.locator(f'.job-row[data-id="{job.job_id}"]')
        expect(row).to_contain_text("Running")
        server.kill()
        expect(page.get_by_text("Reconnecting…")).to_be_visible()
        row.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("alert").filter(has_text="does not answer")).to_be_visible()
        expect(row).to_contain_text("Running")  # what was read stays to be read
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()  # the page works on
        page.keyboard.press("Escape")
    with server_on(data, port=port) as server, visit:
        expect(page.get_by_text("Connected", exact=True)).to_be_visible()
        row.get_by_role("button", name="Pause").click()  # the job went on by itself
        expect(row).to_contain_text("Paused")
        with server.client() as client:  # and it is live again
            another = client.dispatch("counter:counter", {"target": 20})
        expect(page.locator(f'.job-row[data-id="{another.job_id}"]')).to_contain_text("Completed")


@pytest.mark.long
def test_a_hundred_thousand_jobs_are_scrolled_and_filtered(browser: Browser, tmp_path: Path) -> None:
    many(tmp_path / "data", MANY)
    with server_on(tmp_path / "data") as server, Visit(browser, server.address, server.token) as visit:
        page = visit.page
        grid, rows = page.get_by_role("grid", name="Jobs"), page.locator(".grid-body .job-row")

        def row(number: int) -> str:
            return f'.job-row[data-id="{job_id(number)}"]'

        def bounded() -> None:
            assert rows.count() < 60
            assert page.evaluate("document.querySelectorAll('*').length") < 2_000

        expect(page.locator(row(MANY))).to_be_visible()
        expect(grid).to_have_attribute("aria-rowcount", str(MANY + 1))
        bounded()
        page.locator(row(MANY)).focus()
        page.keyboard.press("End")
        expect(page.locator(row(1))).to_be_focused()
        expect(page.locator(row(1))).to_have_attribute("aria-rowindex", str(MANY + 1))
        bounded()
        grid.evaluate("grid => { grid.scrollTop = grid.scrollHeight / 2 }")
        expect(page.locator(row(MANY // 2))).to_be_visible()
        for step in range(20):  # faster than anybody reads
            grid.evaluate("(grid, step) => { grid.scrollTop = step * 200_000 }", step)
        expect(page.locator(row(MANY - 19 * 200_000 // 44 - 3))).to_be_visible()
        bounded()
        page.get_by_role("group", name="Status").get_by_role("button", name="Paused").click()
        expect(grid).to_have_attribute("aria-rowcount", str(MANY // 100 + 1))
        expect(page.locator(row(MANY))).to_be_visible()
        page.get_by_label("Search jobs").fill("bulk:scan")
        expect(grid).to_have_attribute("aria-rowcount", str(len(range(300, MANY + 1, 300)) + 1))
        expect(page.locator(row(MANY - MANY % 300))).to_be_visible()
        page.get_by_label("Search jobs").fill(str(job_id(77_700)))
        expect(rows).to_have_count(1)
        expect(page.locator(row(77_700))).to_contain_text("bulk:scan")
        bounded()
