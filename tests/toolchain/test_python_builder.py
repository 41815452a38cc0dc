"""Python projects, up to the component: what is staged, bundled and said, without the 10 seconds of a build."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from perdure.toolchain.errors import BuildFailed, InvalidProject
from perdure.toolchain.project import Project, project_in
from perdure.toolchain.python.author_module import stated_by
from perdure.toolchain.python.bundle import Bundle, bundle
from perdure.toolchain.python.settings import python_settings
from perdure.toolchain.python.staging import digest, stage
from perdure.toolchain.python_builder import PythonBuilder

CODE = """\
from perdure_sdk import Extension, JobContext

ext = Extension("counter", name="Counter", version="0.1.0", methods=["query:vdfs."])


@ext.job
def counter(ctx: JobContext) -> None:
    ctx.vdfs.read_sidecar
"""


def _project(folder: Path, code: str = CODE, *, dependencies: list[str] | None = None, **tool: Any) -> Project:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "counter.py").write_text(code)
    settings = {"module": "counter", **tool}
    lines = [
        "[project]",
        'name = "counter"',
        f"dependencies = {json.dumps(dependencies or [])}",
        "[tool.perdure]",
        *(f"{name} = {json.dumps(value)}" for name, value in settings.items()),
    ]
    (folder / "pyproject.toml").write_text("\n".join(lines) + "\n")
    return project_in(folder)


def _staged(project: Project, target: Path) -> Path:
    target.mkdir(parents=True)
    stage(project, python_settings(project), None, target)
    return target


def _stated(project: Project, target: Path) -> dict[str, Any]:
    return stated_by(python_settings(project).module, _staged(project, target))


def _wheel(folder: Path, name: str, version: str, *, tag: str = "py3-none-any", requires: str = "") -> None:
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + (f"Requires-Dist: {requires}\n" if requires else ""),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    with zipfile.ZipFile(folder / f"{name}-{version}-{tag}.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]))


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's only source of packages."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def _bundle(project: Project, said: list[str]) -> Bundle:
    project.work.mkdir(exist_ok=True)
    return bundle(python_settings(project), project.work, said.append)


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "field", "words"),
    [
        ({"module": "not there"}, "tool.perdure.module", "name of the module"),
        ({"module": "absent"}, "tool.perdure.module", "there is no absent.py"),
        ({"module": "json"}, "tool.perdure.module", "a module of Python itself"),
        ({"module": "perdure_sdk"}, "tool.perdure.module", "a part of the build"),
        ({"modul": "counter"}, "tool.perdure.modul", "no such field; there are module, source"),
        ({"source": "absent"}, "tool.perdure.source", "a folder of the project"),
        ({"source": ".."}, "tool.perdure.source", "inside the project"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, tool: dict[str, Any], field: str, words: str) -> None:
    project = _project(tmp_path, **tool)
    with pytest.raises(InvalidProject, match=words) as caught:
        python_settings(project)
    assert caught.value.field == field


def test_a_source_folder_is_found(tmp_path: Path) -> None:
    project = _project(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "counter.py").rename(tmp_path / "src" / "counter.py")
    assert python_settings(project).source == tmp_path / "src"


def test_perdure_itself_is_no_requirement(tmp_path: Path) -> None:
    project = _project(
        tmp_path, dependencies=["perdure_sdk>=0.1", "Perdure[python-guest]", "iniconfig==2.3.0", "attrs"]
    )
    settings = python_settings(project)
    assert settings.requirements == ("iniconfig==2.3.0", "attrs")
    assert settings.unpinned == ("attrs",)


@pytest.mark.parametrize("line", ["--index-url https://example.org", "-e .", "a\n-r other.txt", ""])
def test_a_requirement_cannot_be_an_option_of_pip(tmp_path: Path, line: str) -> None:
    with pytest.raises(InvalidProject, match="no requirement"):
        python_settings(_project(tmp_path, dependencies=[line]))


# --- staging ----------------------------------------------------------------------------------------------------------


def test_what_cannot_be_imported_is_left_behind(tmp_path: Path) -> None:
    project = _project(tmp_path / "one")
    for name in (
        "helpers.py",
        "test_counter.py",
        "conftest.py",
        "pack/__init__.py",
        "pack/data.json",
        "tests/__init__.py",
    ):
        path = project.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    for name in ("pack/__pycache__/x.pyc", "pack/.hidden", ".venv/lib.py", "dist/old.py", "notes/readme.txt"):
        path = project.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    app = _staged(project, tmp_path / "staged") / "app"
    found = {str(path.relative_to(app)) for path in app.rglob("*") if path.is_file()}
    assert {path for path in found if not path.startswith("perdure_sdk/")} == {
        "counter.py",
        "helpers.py",
        "pack/__init__.py",
        "pack/data.json",
        "perdure_entry.py",
    }
    assert "perdure_sdk/component.py" in found


@pytest.mark.parametrize("name", ["test_extension.py", "setup.py", "build/__init__.py"])
def test_the_projects_own_module_goes_along_whatever_its_name(tmp_path: Path, name: str) -> None:
    """``perdure new test-extension`` makes a ``test_extension.py``."""
    module = name.partition("/")[0].removesuffix(".py")
    project = _project(tmp_path / "one", module=module)
    (project.folder / name).parent.mkdir(exist_ok=True)
    (project.folder / name).write_text(CODE)
    assert (_staged(project, tmp_path / "staged") / "app" / name).is_file()


def test_the_digest_is_that_of_the_content_and_the_names(tmp_path: Path) -> None:
    one = _staged(_project(tmp_path / "one"), tmp_path / "staged-one")
    other = _staged(_project(tmp_path / "far" / "away" / "other"), tmp_path / "staged-other")
    assert digest(one) == digest(other)
    assert digest(one) != digest(one, b"another tool")
    (other / "app" / "counter.py").rename(other / "app" / "counter2.py")
    assert digest(one) != digest(other)


def test_a_link_out_of_the_project_is_refused(tmp_path: Path) -> None:
    project = _project(tmp_path / "project")
    (tmp_path / "secret.py").write_text("SECRET = 1")
    (project.folder / "linked.py").symlink_to(tmp_path / "secret.py")
    with pytest.raises(InvalidProject, match="leads out of the project"):
        _staged(project, tmp_path / "staged")


# --- the manifest -----------------------------------------------------------------------------------------------------


def test_the_manifest_is_what_the_code_states(tmp_path: Path) -> None:
    code = "print('noise on the standard output')\n" + CODE
    assert _stated(_project(tmp_path / "p", code), tmp_path / "staged") == {
        "id": "counter",
        "name": "Counter",
        "version": "0.1.0",
        "permissions": {"methods": ["query:vdfs."]},
    }


@pytest.mark.parametrize(
    ("code", "words", "said"),
    [
        ("def broken(:\n", "could not import counter: SyntaxError", 'File "counter.py", line 1'),
        ("x = 1\n1 / 0\n", "could not import counter: ZeroDivisionError", 'File "counter.py", line 2'),
        ("import iniconfig\n", r"if iniconfig is a package, list it under \[project\] dependencies", "iniconfig"),
        ("import perdure.runtime\n", "an extension cannot see its host: it imports perdure_sdk", "perdure"),
        ("x = 1\n", "it has none", "Extension"),
        (CODE + "other = Extension('b', name='B', version='1')\n", "it has counter, b", "Extension"),
        (CODE.partition("@ext")[0], "counter offers no job", "job"),
        ("raise SystemExit(0)\n", "could not import counter: SystemExit", "SystemExit"),
        ("import os\nos._exit(3)\n", r"ended while it imported counter \(exit code 3\)", ""),
    ],
)
def test_code_that_states_no_manifest_gets_its_own_traceback(tmp_path: Path, code: str, words: str, said: str) -> None:
    with pytest.raises(BuildFailed, match=words) as caught:
        _stated(_project(tmp_path / "p", code), tmp_path / "staged")
    assert said in caught.value.said
    assert str(tmp_path) not in caught.value.said


# --- what the code calls ----------------------------------------------------------------------------------------------


def test_calls_are_found_in_every_module_of_the_project(tmp_path: Path) -> None:
    project = _project(tmp_path)
    (tmp_path / "helper.py").write_text(
        "def help(ctx):\n    ctx.call('action:vdfs.write_sidecar', {})\n    ctx.call(str(1))\n"
    )
    found = PythonBuilder().calls(project, b"")
    assert found.names == ("action:vdfs.write_sidecar", "query:vdfs.read_sidecar")
    assert (found.dynamic, found.places) == (1, ("helper.py:3",))


# --- packages ---------------------------------------------------------------------------------------------------------


def test_packages_and_what_they_need_are_bundled(tmp_path: Path, wheels: Path) -> None:
    _wheel(wheels, "outer", "1.0", requires="inner>=2")
    _wheel(wheels, "inner", "2.5")
    project = _project(tmp_path / "p", "import outer\n" + CODE, dependencies=["outer==1.0"])
    said: list[str] = []
    found = _bundle(project, said)
    assert [(one.name, one.version, one.wheel) for one in found.packages] == [
        ("inner", "2.5", "inner-2.5-py3-none-any.whl"),
        ("outer", "1.0", "outer-1.0-py3-none-any.whl"),
    ]
    assert said[-1] == "bundled: inner 2.5, outer 1.0"
    assert not any(line.startswith("warning") for line in said)
    assert found.folder is not None
    names = {path.name for path in found.folder.rglob("*")}
    assert not names & {"RECORD", "INSTALLER", "REQUESTED", "__pycache__", "bin"}
    target = tmp_path / "staged"
    target.mkdir()
    stage(project, python_settings(project), found.folder, target)
    assert stated_by("counter", target)["id"] == "counter"
    assert json.loads(found.section())["packages"][0]["name"] == "inner"


def test_pip_runs_again_only_when_the_requirements_change(tmp_path: Path, wheels: Path) -> None:
    _wheel(wheels, "outer", "1.0")
    project = _project(tmp_path / "p", dependencies=["outer==1.0"])
    said: list[str] = []
    first = _bundle(project, said)
    next(wheels.iterdir()).unlink()
    assert _bundle(project, said) == first
    assert [line for line in said if line.startswith("fetching")] == ["fetching outer==1.0"]


def test_an_open_version_is_warned_of_and_a_lock_closes_it(tmp_path: Path, wheels: Path) -> None:
    _wheel(wheels, "outer", "1.0")
    project = _project(tmp_path / "p", dependencies=["outer"])
    said: list[str] = []
    first = _bundle(project, said)
    assert "outer: no exact version" in said[0]
    (project.folder / "requirements.lock").write_text((project.work / "requirements.lock").read_text())
    _wheel(wheels, "outer", "2.0")
    said.clear()
    assert _bundle(project, said).packages == first.packages
    assert not any(line.startswith("warning") for line in said)


def test_a_lock_that_does_not_fit_is_refused(tmp_path: Path, wheels: Path) -> None:
    _wheel(wheels, "outer", "1.0")
    project = _project(tmp_path / "p", dependencies=["outer"])
    (project.folder / "requirements.lock").write_text(f"outer==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(BuildFailed, match="could not get the packages") as caught:
        _bundle(project, [])
    assert "hash" in caught.value.said.lower()


def test_machine_code_is_refused_by_name(tmp_path: Path, wheels: Path) -> None:
    _wheel(wheels, "fast", "1.0", tag="cp314-cp314-manylinux_2_17_x86_64")
    project = _project(tmp_path / "p", dependencies=["fast==1.0"])
    with pytest.raises(BuildFailed, match=r"no pure-Python wheel of fast==1.0.*cannot run in the sandbox"):
        _bundle(project, [])
    assert not list(project.work.iterdir())


def test_machine_code_in_a_wheel_that_says_it_has_none_is_refused(tmp_path: Path, wheels: Path) -> None:
    _wheel(wheels, "liar", "1.0")
    with zipfile.ZipFile(wheels / "liar-1.0-py3-none-any.whl", "a") as archive:
        archive.writestr("liar/fast.so", b"\x7fELF")
    with pytest.raises(BuildFailed, match=r"got liar with machine code in it \(fast.so\)"):
        _bundle(_project(tmp_path / "p", dependencies=["liar"]), [])
