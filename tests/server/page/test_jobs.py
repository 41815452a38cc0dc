"""The job manager in a real browser: signing in, and jobs from their dispatch to their end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.support.browser import Scheme, Visit, chromium
from tests.support.job_events import job_id
from tests.support.packages import package
from tests.support.servers import ServerProcess, server_on
from tests.support.shown_jobs import LONG, furnish

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("shown")
    furnish(folder / "data", folder)
    with server_on(folder / "data") as server:
        yield server


@pytest.fixture
def visit(browser: Browser, server: ServerProcess) -> Iterator[Visit]:
    with Visit(browser, server.address, server.token) as visit:
        yield visit


def row_of(page: Page, identifier: str) -> Locator:
    return page.locator(f'.job-row[data-id="{identifier}"]')


def dispatch(page: Page, target: int) -> str:
    """Dispatch a counter by the dialog; returns its id, which the address has then, and goes back to the list."""
    page.get_by_role("button", name="Dispatch a job").click()
    page.get_by_label("Job type").fill("counter:counter")
    page.get_by_label("First state (JSON)").fill(f'{{"target": {target}}}')
    page.get_by_role("dialog").get_by_role("button", name="Dispatch").click()
    page.wait_for_url(re.compile(r"#/jobs/[0-9a-f-]{36}$"))
    identifier = page.url.rpartition("/")[2]
    page.evaluate("location.hash = '#/jobs'")
    expect(row_of(page, identifier)).to_be_visible()
    return identifier


class TestSigningIn:
    def test_a_token_opens_the_page_and_is_forgotten_again(self, browser: Browser, server: ServerProcess) -> None:
        with Visit(browser, server.address, None) as visit:
            page = visit.page
            expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
            assert visit.barriers() == []
            page.get_by_label("Token").fill("pdr_00000000_" + "A" * 43)
            page.keyboard.press("Enter")
            expect(page.get_by_role("alert").filter(has_text="opens nothing")).to_be_visible()
            page.get_by_label("Token").fill(server.token)
            page.keyboard.press("Enter")
            expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
            assert page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]") == [1, 0, ""]
            page.reload()
            expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
            page.get_by_role("button", name="Sign out").click()
            expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
            assert page.evaluate("sessionStorage.length + localStorage.length") == 0

    def test_it_is_remembered_if_that_is_wished(self, browser: Browser, server: ServerProcess) -> None:
        with Visit(browser, server.address, None) as visit:
            visit.page.get_by_label("Token").fill(server.token)
            visit.page.get_by_label("Remember it").check()
            visit.page.get_by_role("button", name="Sign in").click()
            expect(visit.page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
            assert visit.page.evaluate("[sessionStorage.length, localStorage.length]") == [0, 1]

    def test_a_token_that_is_revoked_signs_out(self, browser: Browser, server: ServerProcess) -> None:
        with server.client() as client:
            issued = client.issue_token("a visitor", ["read"])
            with Visit(browser, server.address, issued.text) as visit:
                expect(visit.page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
                # Who may only read is offered nothing else.
                expect(visit.page.get_by_role("button", name="Dispatch a job")).to_have_count(0)
                expect(row_of(visit.page, str(job_id(1))).locator("[data-action]")).to_have_count(0)
                client.revoke_token(issued.token.token)
                visit.go("#/extensions")
                expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()


class TestAJob:
    def test_it_is_dispatched_and_watched_to_its_end(self, visit: Visit) -> None:
        identifier = dispatch(visit.page, 200)
        row = row_of(visit.page, identifier)
        expect(row).to_contain_text("Completed")
        expect(row).to_contain_text("100%")
        expect(row.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100")
        expect(row).to_contain_text("Counted 200/200")

    def test_it_is_paused_resumed_cancelled_retried_and_forked(self, visit: Visit) -> None:
        page = visit.page
        identifier = dispatch(page, 50_000_000)
        row = row_of(page, identifier)
        row.get_by_role("button", name="Pause").click()
        expect(row).to_contain_text("Paused")
        row.get_by_role("button", name="Resume").click()
        expect(row).to_contain_text("Running")
        expect(row.locator(".cell.rate")).to_contain_text("/s")  # from what it did while one looked
        row.get_by_role("button", name="Cancel").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel", exact=True).click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(row).to_contain_text("Running")  # not without an answer
        row.get_by_role("button", name="Cancel").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel the job").click()
        expect(row).to_contain_text("Cancelled")
        row.get_by_role("button", name="Retry").click()
        expect(row).to_contain_text("Running")
        row.get_by_role("button", name="Fork").click()
        page.get_by_label("Leave it paused").check()
        page.get_by_role("dialog").get_by_role("button", name="Fork").click()
        page.wait_for_url(lambda url: url.endswith(identifier) is False and "#/jobs/" in url)
        fork = page.url.rpartition("/")[2]
        visit.go("#/jobs")
        expect(row_of(page, fork)).to_contain_text("Paused")
        for each in (fork, identifier):  # and with a selection
            row_of(page, each).get_by_role("checkbox").check()
        expect(page.get_by_role("toolbar", name="Selected jobs")).to_contain_text("2 jobs selected")
        page.get_by_role("toolbar").get_by_role("button", name="Cancel").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel the jobs").click()
        for each in (fork, identifier):
            expect(row_of(page, each)).to_contain_text("Cancelled")

    def test_rubbish_is_refused_and_nothing_is_lost(self, visit: Visit) -> None:
        page = visit.page
        page.get_by_role("button", name="Dispatch a job").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Job type").fill("counter:nothing")
        dialog.get_by_label("First state (JSON)").fill("{not json")
        dialog.get_by_role("button", name="Dispatch").click()
        expect(dialog.get_by_role("alert")).to_contain_text("no JSON")
        dialog.get_by_label("First state (JSON)").fill("{}")
        dialog.get_by_role("button", name="Dispatch").click()
        expect(dialog.get_by_role("alert")).to_contain_text("counter:nothing")
        expect(dialog.get_by_label("Job type")).to_have_value("counter:nothing")


class TestTheList:
    def test_what_guests_say_is_text(self, visit: Visit) -> None:
        page = visit.page
        expect(row_of(page, str(job_id(1)))).to_contain_text("<img src=x onerror=")
        expect(row_of(page, str(job_id(2)))).to_contain_text("\\u202e")
        long = row_of(page, str(job_id(3)))
        expect(long).to_contain_text("xxx")
        assert LONG not in long.inner_text()
        assert page.locator("main img, main script").count() == 0
        assert page.title() != "owned"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    def test_what_needs_a_decision_stands_above(self, visit: Visit) -> None:
        band = visit.page.get_by_role("region", name=re.compile("needs a decision"))
        expect(band).to_contain_text("action:http.request may or may not have been done")
        expect(band.get_by_role("link", name="Decide")).to_have_attribute("href", f"#/jobs/{job_id(4)}")

    def test_filters_are_kept_in_the_address(self, visit: Visit) -> None:
        page = visit.page
        page.get_by_role("group", name="Status").get_by_role("button", name="Failed").click()
        expect(page.locator(".grid-body .job-row")).to_have_count(1)
        assert "status=failed" in page.url
        page.get_by_label("Search jobs").fill("ONERROR")
        expect(page.get_by_text("No job is like that")).to_be_visible()
        page.get_by_role("button", name="Clear filters").click()
        page.get_by_label("Search jobs").fill("ONERROR")
        expect(page.locator(".grid-body .job-row")).to_have_count(1)
        expect(row_of(page, str(job_id(1)))).to_be_visible()
        assert "text=ONERROR" in page.url
        page.reload()
        expect(page.get_by_label("Search jobs")).to_have_value("ONERROR")
        expect(page.locator(".grid-body .job-row")).to_have_count(1)
        page.get_by_label("Search jobs").fill("")
        page.get_by_label("Extension", exact=True).select_option("shop")
        expect(row_of(page, str(job_id(5)))).to_contain_text("Failed")
        expect(row_of(page, str(job_id(5)))).to_contain_text("the guest returned 2")

    def test_it_is_walked_with_the_keyboard_alone(self, visit: Visit) -> None:
        page = visit.page
        expect(row_of(page, str(job_id(5)))).to_be_visible()
        press = page.keyboard.press
        press("/")
        expect(page.get_by_label("Search jobs")).to_be_focused()
        page.keyboard.type("shop:polite")
        expect(page.locator(".grid-body .job-row")).to_have_count(5)
        for _ in range(7):
            press("Tab")
            if page.evaluate("document.activeElement.classList.contains('job-row')"):
                break
        press("Home")
        expect(row_of(page, str(job_id(5)))).to_be_focused()
        press("ArrowDown")
        press("ArrowDown")
        expect(row_of(page, str(job_id(3)))).to_be_focused()
        press("Space")
        expect(page.get_by_role("toolbar", name="Selected jobs")).to_contain_text("1 job selected")
        press("Escape")
        expect(page.get_by_role("toolbar")).to_have_count(0)
        press("f")
        expect(page.get_by_role("dialog", name="Fork this job")).to_be_visible()
        press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(row_of(page, str(job_id(3)))).to_be_focused()  # the dialog gave it back
        press("End")
        expect(row_of(page, str(job_id(1)))).to_be_focused()
        press("?")
        expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("Dispatch a job")
        press("Escape")
        press("Enter")
        page.wait_for_url(re.compile(f"#/jobs/{job_id(1)}$"))
        press("g")
        press("e")
        expect(page.get_by_role("heading", name="Extensions")).to_be_visible()

    def test_a_small_window_shows_all_of_it(self, browser: Browser, server: ServerProcess) -> None:
        with Visit(browser, server.address, server.token, width=320, height=640) as visit:
            row = row_of(visit.page, str(job_id(5)))
            row.scroll_into_view_if_needed()
            expect(row.get_by_text("Failed", exact=True)).to_be_visible()
            assert visit.page.evaluate("document.querySelector('main').scrollWidth") <= 320
            assert visit.page.evaluate("document.querySelector('.grid').scrollWidth") <= 320
            assert visit.barriers() == []


class TestExtensions:
    def test_one_says_what_it_may_do(self, visit: Visit) -> None:
        page = visit.page
        visit.go("#/extensions")
        expect(page.get_by_role("table")).to_contain_text("Update 2.0.0 waits")
        page.get_by_role("table").get_by_role("link", name=re.compile("img src")).click()
        permissions = page.get_by_role("region", name="Permissions", exact=True)
        expect(permissions.get_by_role("row", name=re.compile("read_sidecar"))).to_contain_text("Never used")
        expect(permissions.get_by_role("row", name=re.compile("api.example.com"))).to_contain_text("Never used")
        meter = page.get_by_role("meter", name="Operations a minute")
        expect(meter).to_have_attribute("aria-valuetext", "0 of 60")
        assert page.title() != "owned"
        permissions.get_by_role("button", name="Change").click()
        page.get_by_role("dialog").get_by_label("api.example.com").uncheck()
        page.get_by_role("dialog").get_by_role("button", name="Grant").click()
        expect(permissions.get_by_role("row", name=re.compile("api.example.com"))).to_contain_text("Not granted")

    def test_a_package_is_installed_once_somebody_agrees(self, visit: Visit, tmp_path: Path) -> None:
        page = visit.page
        path = package(tmp_path, permissions={"methods": ["action:http.request"]})
        visit.go("#/extensions")
        page.get_by_role("button", name="Install").click()
        page.get_by_label("Package").set_input_files(path)
        page.get_by_role("dialog").get_by_role("button", name="Send").click()
        asked = page.get_by_role("dialog", name=re.compile("Install The acme extension 1.0.0"))
        expect(asked).to_contain_text("send a host anything")
        expect(asked).to_contain_text("signed by Acme")
        asked.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("table").get_by_text("acme")).to_have_count(0)  # nobody agreed
        page.get_by_role("button", name="Install").click()
        page.get_by_label("Package").set_input_files(path)
        page.get_by_role("dialog").get_by_role("button", name="Send").click()
        asked.get_by_role("button", name="Grant and install").click()
        page.wait_for_url(re.compile("#/extensions/acme$"))
        expect(page.get_by_role("heading", name="The acme extension")).to_be_visible()

    def test_what_is_no_package_is_refused(self, visit: Visit, tmp_path: Path) -> None:
        (tmp_path / "rubbish").write_bytes(b"MZ")
        visit.go("#/extensions")
        visit.page.get_by_role("button", name="Install").click()
        visit.page.get_by_label("Package").set_input_files(tmp_path / "rubbish")
        visit.page.get_by_role("dialog").get_by_role("button", name="Send").click()
        expect(visit.page.get_by_role("dialog").get_by_role("alert")).to_contain_text("package")

    def test_an_update_is_accepted_and_it_is_switched_off_and_on(self, visit: Visit) -> None:
        page = visit.page
        visit.go("#/extensions/shop")
        update = page.get_by_role("region", name=re.compile("Version 2.0.0 waits"))
        expect(update).to_contain_text("High risk")
        update.get_by_role("button", name="Accept").click()
        page.get_by_role("dialog").get_by_role("button", name="Accept and install").click()
        expect(update).to_have_count(0)
        expect(page.get_by_role("region", name="Permissions", exact=True)).to_contain_text("action:http.request")
        page.get_by_role("button", name="Switch off").click()
        page.get_by_role("dialog").get_by_role("button", name="Switch off").click()
        expect(page.locator(".extension-head")).to_contain_text("Switched off")
        page.get_by_role("button", name="Switch on").click()
        expect(page.locator(".extension-head")).not_to_contain_text("Switched off")
        page.get_by_role("button", name="Remove").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("unfinished")  # which it has


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_people_out(browser: Browser, server: ServerProcess, scheme: Scheme) -> None:
    with Visit(browser, server.address, server.token, scheme=scheme) as visit:
        page = visit.page
        row_of(page, str(job_id(5))).get_by_role("checkbox").check()
        assert visit.barriers() == []
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        assert visit.barriers() == []
        page.keyboard.press("Escape")
        page.keyboard.press("n")
        expect(page.get_by_role("dialog", name="Dispatch a job")).to_be_visible()
        assert visit.barriers() == []
        page.keyboard.press("Escape")
        visit.go("#/extensions")
        expect(page.get_by_role("table")).to_be_visible()
        assert visit.barriers() == []
        visit.go("#/extensions/shop")
        expect(page.get_by_role("region", name="Permissions", exact=True)).to_be_visible()
        assert visit.barriers() == []
        before = page.locator("html").get_attribute("data-theme")
        page.keyboard.press("t")
        expect(page.locator("html")).not_to_have_attribute("data-theme", before or "")
        assert visit.barriers() == []
