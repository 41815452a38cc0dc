"""The page's files: what is served, how, and what may not be in them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath

import pytest
from starlette.applications import Starlette
from tests.support.asgi import AsgiClient

import perdure.server.web
from perdure.server.web.pages import page_files, page_routes

FOLDER = Path(perdure.server.web.__path__[0]) / "page"
SCRIPTS = sorted(path for path in page_files() if path.endswith(".js"))
_IMPORTED = re.compile(r'^(?:import|export|\}) ?(?:[^;"]*?\bfrom )?"([^"]+)"|\bimport\("([^"]+)"\)', re.MULTILINE)
# Whatever makes markup or code of text.
_FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function\b"
    r"|createContextualFragment|srcdoc|setTimeout\(\s*[\"'`]|\.cookie\b"
)


@pytest.fixture
def client() -> AsgiClient:
    return AsgiClient(Starlette(routes=page_routes()))


class TestServing:
    def test_the_page_is_at_the_root(self, client: AsgiClient) -> None:
        answer = client.get("/")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert answer.content == (FOLDER / "index.html").read_bytes()

    @pytest.mark.parametrize(
        ("path", "kind"),
        [
            ("js/main.js", "text/javascript; charset=utf-8"),
            ("css/base.css", "text/css; charset=utf-8"),
            ("icon.svg", "image/svg+xml"),
        ],
    )
    def test_what_it_loads_has_its_type(self, client: AsgiClient, path: str, kind: str) -> None:
        answer = client.get(f"/assets/{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert answer.content == (FOLDER / path).read_bytes()

    def test_what_has_not_changed_is_not_sent_again(self, client: AsgiClient) -> None:
        tag = client.get("/assets/js/main.js").headers["etag"]
        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = client.get("/assets/js/main.js", headers={"If-None-Match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert client.get("/assets/js/main.js", headers={"If-None-Match": '"other"'}).status_code == 200

    @pytest.mark.parametrize(
        "path",
        [
            "../pages.py",
            "%2e%2e/pages.py",
            "js/../../pages.py",
            "js/..%2f..%2fpages.py",
            "..%5cpages.py",
            "/etc/passwd",
            "%2fetc%2fpasswd",
            "js/main.js%00",
            "js/main.js/",
            "js//main.js",
            "js",
            "",
            "JS/main.js",
        ],
    )
    def test_nothing_else_is_served(self, client: AsgiClient, path: str) -> None:
        answer = client.get(f"/assets/{path}")
        assert answer.status_code == 404
        assert b"perdure" not in answer.content.replace(b"urn:perdure:problem", b"")


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        address = found.get("src") or (found.get("href") if tag == "link" else None)
        if address:
            self.loads.append(address)
        elif tag in ("script", "style"):
            self.inline.append(tag)
        self.inline += [name for name in found if name == "style" or name.startswith("on")]


class TestTheFiles:
    def test_the_page_loads_what_is_there_and_nothing_from_elsewhere(self) -> None:
        page = _Page()
        page.feed((FOLDER / "index.html").read_text())
        assert page.inline == []
        assert page.loads
        assert {each.removeprefix("/assets/") for each in page.loads} <= set(page_files())

    @pytest.mark.parametrize("path", SCRIPTS)
    def test_a_script_imports_what_is_there_and_makes_no_markup_of_text(self, path: str) -> None:
        text = (FOLDER / path).read_text()
        code = re.sub(r"/\*.*?\*/|^\s*//.*$", "", text, flags=re.DOTALL | re.MULTILINE)
        assert _FORBIDDEN.search(code) is None
        for name in map("".join, _IMPORTED.findall(code)):
            assert name.startswith("."), name
            parts: list[str] = []
            for part in (PurePosixPath(path).parent / name).parts:
                parts = parts[:-1] if part == ".." else [*parts, part]
            assert "/".join(parts) in page_files(), name

    @pytest.mark.parametrize("path", [path for path in page_files() if path.endswith(".css")])
    def test_a_style_sheet_loads_only_others(self, path: str) -> None:
        text = (FOLDER / path).read_text()
        for name in re.findall(r"url\(([^)]*)\)|@import\s+(?!url)(.*)", text):
            assert f"css/{''.join(name).strip('; ').strip(chr(34))}" in page_files(), name
