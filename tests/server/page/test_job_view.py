"""One job's view in a real browser: its timeline, its calls, its doubts, its proof; with ten events and with many."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.support.browser import Visit, chromium
from tests.support.job_events import dispatched, job_id, started
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.servers import Served, server_on, serving
from tests.support.shown_jobs import COUNTER, LONG, MARKUP, TURNED
from tests.support.travellers import World, travellers
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import Exit, GuestResult, GuestSpec
from perdure.runtime import JobHandle, RetryPolicy, Runtime, RuntimeSettings, Status, grant_as_asked
from perdure.store import AppendRequest, LmdbEventStore
from perdure.store import events as ev

pytestmark = pytest.mark.timeout(300)

MANY: Final = 20_000
LARGE: Final = job_id(1)
# Each part of the view, and what is there once it is.
SIGNS: Final = [
    ("Events and log", ".rows-item"),
    ("Step through", ".call-row"),
    ("State", ".changes"),
    ("Verify", ".panel"),
]
_START: Final = 1_700_000_000_000_000


def shooting(host: PythonHost, state: bytes, spec: GuestSpec) -> GuestResult | None:
    """A job with something of everything: it fails once, warns, and says what strangers might."""
    done = json.loads(state or b"{}")
    host.log(1, f"I am {spec.job_id}")
    for number in range(done.get("round", 0), 4):
        told = json.loads(host.call("query:world.ask"))["n"]
        host.call("action:world.send", json.dumps({"n": number}).encode())
        host.increment_items(told)
        host.report_progress((number + 1) / 4, MARKUP)
        host.checkpoint(json.dumps({"round": number + 1, "told": told}).encode())
        if number == 1:
            host.add_warning(MARKUP + TURNED + LONG)
            host.log(3, "an error of its own")
            return GuestResult(Exit.FAILED, host.fuel) if not done else None
    return None


def mailing(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
    """Do something that must not be done twice, and count what that came to."""
    host.increment_items(json.loads(host.call("action:world.mail", b'{"n": 1}'))["n"])


class Stage(NamedTuple):
    """What the tests look at."""

    served: Served
    world: World
    jobs: PythonJobs
    shot: JobHandle


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("view")
    write_large(folder / "data")
    settings = RuntimeSettings(kill_grace=0.2, shutdown_grace=0.2)
    with serving(folder / "data", runtime_settings=settings) as served:
        served.runtime.install(COUNTER, consent=grant_as_asked)
        world, jobs = World(served.runtime), travellers(served.runtime, folder, shooting)
        shot = served.runtime.dispatch(f"{jobs.extension}:run", retry=RetryPolicy(attempts=2, initial_ms=1))
        shot.wait(TIMEOUT)
        yield Stage(served, world, jobs, shot)


def write_large(data: Path) -> None:
    """A paused job with very many events, over two hours."""
    guests: list[ev.Event] = []
    for number in range(1, MANY):
        kind = number % 3
        guests.append(
            ev.ProgressReported(number, number, number / MANY, f"at {number}")
            if kind == 0
            else ev.ItemsCounted(number, number, 2)
            if kind == 1
            else ev.LogWritten(number, number, 3 if number % 500 == 2 else 1, f"line {number}")
        )
    events = [
        dispatched(LARGE, job_type="bulk:run", extension="bulk"),
        started(),
        *guests,
        ev.JobPaused(forced=False, fuel=MANY),
    ]
    step = 7_200_000_000 // len(events)
    times = [_START + place * step for place in range(len(events))]
    with LmdbEventStore.open(data) as store:
        store.append_batch([AppendRequest(ev.job_stream(LARGE), [ev.encode(event) for event in events], times, 0)])


@pytest.fixture
def visit(browser: Browser, stage: Stage) -> Iterator[Visit]:
    with Visit(browser, stage.served.address, stage.served.token, f"#/jobs/{stage.shot.job_id}") as visit:
        yield visit


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def field_of(page: Page) -> Locator:
    return page.locator(".timeline-field")


def width_of(page: Page) -> int:
    """How much of the time is shown, in microseconds."""
    found = field_of(page)
    return int(found.get_attribute("data-until") or 0) - int(found.get_attribute("data-since") or 0)


class TestTimeline:
    def test_it_is_zoomed_and_moved_by_keys_wheel_and_drag(self, visit: Visit) -> None:
        page, drawn = visit.page, field_of(visit.page)
        expect(page.locator(".attempts rect")).to_have_count(2)
        whole = width_of(page)
        drawn.focus()
        page.keyboard.press("+")
        page.keyboard.press("+")
        expect(drawn).to_have_attribute("data-zoomed", "yes")
        assert width_of(page) < whole / 3
        since = drawn.get_attribute("data-since")
        page.keyboard.press("ArrowRight")
        expect(drawn).not_to_have_attribute("data-since", since or "")
        page.keyboard.press("0")
        expect(drawn).to_have_attribute("data-zoomed", "no")
        drawn.hover()
        page.mouse.wheel(0, -600)
        expect(drawn).to_have_attribute("data-zoomed", "yes")
        narrow, since = width_of(page), drawn.get_attribute("data-since")
        box = drawn.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 300, box["y"] + 200)
        page.mouse.down()
        page.mouse.move(box["x"] + 200, box["y"] + 200, steps=3)
        page.mouse.up()
        expect(drawn).not_to_have_attribute("data-since", since or "")
        assert width_of(page) == pytest.approx(narrow, abs=2)
        expect(page.get_by_role("status").filter(has_text="shown")).to_contain_text("attempt")
        page.get_by_role("button", name="Show all").click()
        expect(drawn).to_have_attribute("data-zoomed", "no")

    def test_an_event_says_all_about_itself(self, visit: Visit, stage: Stage) -> None:
        page = visit.page
        page.locator('.lane[data-lane="warnings"] .mark').click()
        dialog = page.get_by_role("dialog")
        expect(dialog.locator(".tag.info")).to_have_text("warning")
        stored = next(entry.stored for entry in stage.shot.history() if isinstance(entry.stored.event, ev.WarningAdded))
        expect(dialog).to_contain_text(stored.hash.hex())
        expect(dialog.locator("pre")).to_contain_text("<img src=x onerror=")
        dialog.get_by_role("button", name="Event after").click()
        expect(dialog.locator(".tag.info")).to_have_text("log")
        dialog.get_by_role("button", name="State here").click()
        expect(page.get_by_label("Event", exact=True).first).to_have_value(str(stored.sequence + 1))

    def test_it_is_there_as_a_table(self, visit: Visit) -> None:
        page = visit.page
        page.locator(".timeline summary").click()
        rows = page.get_by_role("region", name="Events of the timeline").get_by_role("row")
        expect(rows.filter(has_text="world.send")).to_have_count(8)
        expect(rows.filter(has_text="attempt 1")).to_contain_text("retry-scheduled")
        rows.filter(has_text="attempt 2").get_by_role("button").click()
        expect(page.get_by_role("dialog").locator(".tag.info")).to_have_text("started")


class TestSteps:
    def test_walking_by_keys_and_forking_from_a_call(self, visit: Visit, stage: Stage) -> None:
        page, panel = visit.page, visit.page.get_by_role("tabpanel")
        expect(page.locator(".attempts rect")).to_have_count(2)
        page.keyboard.press("3")
        expect(panel).to_have_attribute("data-call", re.compile(r"\d+"))
        page.get_by_label("Run", exact=True).select_option("1")
        expect(panel).to_have_attribute("data-call", "0")
        page.get_by_role("button", name="Beginning").focus()
        page.get_by_role("tab", selected=True).focus()
        page.keyboard.press("n")
        expect(panel).to_have_attribute("data-call", "1")
        page.keyboard.press("n")
        expect(page.locator(".call-now")).to_contain_text("query:world.ask")
        page.keyboard.press("c")
        expect(panel).to_have_attribute("data-call", "6")
        expect(page.locator(".state-now .come")).to_have_text('{"round":1,"told":3}')
        page.keyboard.press("c")
        expect(panel).to_have_attribute("data-call", "11")
        expect(page.locator(".changes")).to_contain_text("round")
        page.keyboard.press("C")
        expect(panel).to_have_attribute("data-call", "6")
        page.keyboard.press("/")
        page.keyboard.type("world.ask")
        page.keyboard.press("Enter")
        expect(panel).to_have_attribute("data-call", "7")
        page.get_by_role("button", name="Fork from here…").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("The answer to call 7").check()
        dialog.get_by_label("In JSON").fill('{"n": ')
        dialog.get_by_role("button", name="Fork", exact=True).click()
        expect(dialog.get_by_role("alert")).to_contain_text("no JSON")
        dialog.get_by_label("In JSON").fill('{"n": 40}')
        dialog.get_by_role("button", name="Fork", exact=True).click()
        page.wait_for_url(lambda url: str(stage.shot.job_id) not in url)
        fork = stage.served.runtime.job(page.url.rpartition("/")[2])
        fork.wait(TIMEOUT)
        assert fork.state.forked_from == stage.shot.job_id
        assert fork.items == 3 + 40 + 3 + 3
        expect(page.locator(".figures")).to_contain_text("49")
        expect(page.get_by_role("link", name=str(stage.shot.job_id))).to_be_visible()

    def test_an_ended_stepper_is_opened_again_where_it_was(self, visit: Visit, stage: Stage) -> None:
        page, panel = visit.page, visit.page.get_by_role("tabpanel")
        tab(page, "Step through")
        page.get_by_label("Run", exact=True).select_option("1")
        expect(panel).to_have_attribute("data-call", "0")
        for number in list(stage.served.server._engine.steppers._open):
            stage.served.server._engine.steppers._open.pop(number).stepper.close()
        page.get_by_role("button", name="Forward").click()
        expect(panel).to_have_attribute("data-call", "1")
        expect(page.get_by_label("Run", exact=True)).to_have_value("1")


class TestDoubts:
    def test_a_person_says_what_happened(self, browser: Browser, stage: Stage) -> None:
        stage.jobs.body, stage.world.holding = mailing, True
        try:
            job = stage.jobs.start()
            eventually(lambda: ("mail", 1) in stage.world.names())
            job.pause()
            eventually(lambda: job.status is Status.PAUSED)
            stage.world.let_go()
            job.resume()
            with Visit(browser, stage.served.address, stage.served.token, f"#/jobs/{job.job_id}") as visit:
                page = visit.page
                panel = page.get_by_role("region", name="An action is in doubt")
                expect(panel).to_contain_text("action:world.mail")
                expect(panel.get_by_label("Payload", exact=True)).to_contain_text('"n": 1')
                assert visit.barriers() == []
                panel.get_by_role("button", name="It succeeded…").click()
                dialog = page.get_by_role("dialog")
                dialog.get_by_label("What it answered").fill('{"n": "five"}')
                dialog.get_by_role("button", name="Say so").click()
                expect(dialog.get_by_role("alert")).to_be_visible()  # that is no answer of the operation
                dialog.get_by_label("What it answered").fill('{"n": 5}')
                dialog.get_by_role("button", name="Say so").click()
                expect(page.locator(".job-title .status")).to_have_text("Completed")
                expect(panel).to_have_count(0)
                expect(page.locator(".job-about")).to_contain_text("jobs.resolve")
            assert (job.items, stage.world.names().count(("mail", 1))) == (5, 1)
        finally:
            stage.jobs.body = shooting


class TestProof:
    def test_a_job_is_verified_and_its_bundle_taken(self, browser: Browser, stage: Stage) -> None:
        job = stage.served.runtime.dispatch("counter:counter", {"target": 50})
        job.wait(TIMEOUT)
        with Visit(browser, stage.served.address, stage.served.token, f"#/jobs/{job.job_id}?tab=proof") as visit:
            page = visit.page
            page.get_by_role("tabpanel").get_by_role("button", name="Verify").click()
            expect(page.locator(".verdict")).to_have_attribute("data-verdict", "proved")
            expect(page.locator(".verdict")).to_contain_text("calls")
            with page.expect_download() as waiting:
                page.get_by_role("button", name="Download the bundle").click()
            assert waiting.value.suggested_filename == f"job-{job.job_id}.perdure"
            assert visit.barriers() == []

    def test_where_it_differs(self, visit: Visit) -> None:
        page = visit.page
        tab(page, "Verify")  # the module in the log is not what ran in the test
        page.get_by_role("tabpanel").get_by_role("button", name="Verify").click()
        expect(page.locator(".verdict")).to_have_attribute("data-verdict", "differs")
        expect(page.locator(".difference")).to_contain_text("call 1 of run 1")


class TestMany:
    def test_a_job_with_very_many_events_stays_light(self, browser: Browser, stage: Stage) -> None:
        with Visit(browser, stage.served.address, stage.served.token, f"#/jobs/{LARGE}") as visit:
            page = visit.page
            expect(page.locator('.lane[data-lane="log"] .count').first).to_be_attached()
            assert page.locator(".timeline-drawing *").count() < 3_000
            field_of(page).focus()
            for _ in range(9):
                page.keyboard.press("+")
            expect(page.locator('.lane[data-lane="log"] .mark').first).to_be_attached()
            tab(page, "Events and log")
            first = page.locator(".rows-item").first
            expect(first).to_contain_text("paused")
            rows = page.locator(".rows")
            for _ in range(6):
                rows.evaluate("element => { element.scrollTop = element.scrollHeight }")
                loaded = page.locator(".events header")
                expect(loaded).to_contain_text("read so far")
            assert page.locator(".rows-item").count() < 80
            page.get_by_label("Kind of events").select_option("log")
            page.get_by_label("Level of the log").select_option("3")
            expect(page.locator(".events header")).to_contain_text("14 events")
            expect(first).to_contain_text("error: line")
            first.get_by_role("button").focus()
            page.keyboard.press("ArrowDown")
            page.keyboard.press("Enter")
            expect(page.get_by_role("dialog").locator(".tag.info")).to_have_text("log")


class TestEverybody:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_nothing_keeps_people_out(self, browser: Browser, stage: Stage, scheme: Any) -> None:
        where = f"#/jobs/{stage.shot.job_id}"
        with Visit(browser, stage.served.address, stage.served.token, where, scheme=scheme) as visit:
            page = visit.page
            expect(page.locator(".attempts rect")).to_have_count(2)
            page.locator(".timeline summary").click()
            expect(page.locator(".job-about .requests")).to_be_visible()
            assert visit.barriers() == []
            for name, sign in SIGNS:
                page.get_by_role("tab", selected=True).press("ArrowRight")
                expect(page.get_by_role("tab", name=name)).to_be_focused()
                expect(page.get_by_role("tabpanel").locator(sign).first).to_be_visible()
                assert visit.barriers() == [], name

    def test_on_a_narrow_screen(self, browser: Browser, stage: Stage) -> None:
        where = f"#/jobs/{stage.shot.job_id}"
        with Visit(browser, stage.served.address, stage.served.token, where, width=320) as visit:
            page = visit.page
            expect(page.locator(".attempts rect")).to_have_count(2)
            for name, sign in [*SIGNS, ("Overview", ".attempts rect")]:
                tab(page, name)
                expect(page.get_by_role("tabpanel").locator(sign).first).to_be_visible()
                wide = "document.querySelector('#main').scrollWidth <= document.querySelector('#main').clientWidth"
                assert page.evaluate(wide), name

    def test_a_token_that_may_only_look(self, browser: Browser, stage: Stage) -> None:
        token = stage.served.runtime.issue_token("looker", ["read"], by="test").text
        with Visit(browser, stage.served.address, token, f"#/jobs/{stage.shot.job_id}") as visit:
            page = visit.page
            expect(page.locator(".attempts rect")).to_have_count(2)
            expect(page.locator(".job-controls button")).to_have_count(0)
            tab(page, "Step through")
            expect(page.get_by_role("tabpanel")).to_contain_text("scope control")


def test_a_server_that_is_killed_comes_back_into_the_view(browser: Browser, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Runtime.open(data) as runtime:
        runtime.install(COUNTER, consent=grant_as_asked)
    with server_on(data) as server, server.client() as client:
        job = client.dispatch("counter:counter", {"target": 60_000})
        with Visit(browser, server.address, server.token, f"#/jobs/{job.job_id}") as visit:
            page = visit.page
            expect(page.locator(".job-title .status")).to_have_text("Running")
            expect(page.locator(".attempts rect")).to_have_count(1)
            server.kill()
            expect(page.locator("#connection")).to_contain_text("Reconnecting")
            with server_on(data, port=server.port) as again, again.client() as after:
                expect(page.locator("#connection")).to_contain_text("Connected")
                expect(page.locator(".attempts rect")).to_have_count(2)
                after.cancel(job.job_id)
                expect(page.locator(".job-title .status")).to_have_text("Cancelled")
