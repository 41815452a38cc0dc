"""perdure.h and perdure.zig as compilers see them: no warnings, errors that say what, the same bytes anywhere."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import wasmtime
from tests.support.zig_tools import CHECKED, GUEST, ROOT, SDK, STRICT, compiled, example, zig

from perdure.toolchain.building import build, stated_manifest
from perdure.toolchain.project import project_in

COUNTER_C = ROOT / "examples" / "counter-c"
COUNTER_ZIG = ROOT / "examples" / "counter-zig"
IMPORTS = {
    "spacedrive_call",
    "spacedrive_log",
    "job_report_progress",
    "job_checkpoint",
    "job_check_interrupt",
    "job_add_warning",
    "job_increment_bytes",
    "job_increment_items",
    "register_job",
}
BEGINNING = '#define PERDURE_IMPLEMENTATION\n#include "perdure.h"\nPERDURE_EXTENSION("x", "X", "0.1.0");\n'


@pytest.mark.parametrize("standard", ["c11", "c17", "c23"])
def test_it_compiles_without_a_warning(standard: str, tmp_path: Path) -> None:
    source = COUNTER_C / "src" / "counter.c"
    compiled("cc", *GUEST, f"-std={standard}", *STRICT, f"-I{SDK}", "-o", tmp_path / "c.wasm", source, folder=tmp_path)
    assert (tmp_path / "c.wasm").stat().st_size < 32 * 1024


def test_it_compiles_as_cpp(tmp_path: Path) -> None:
    source = tmp_path / "counter.cpp"
    source.write_text(
        BEGINNING
        + """
        struct everything {
            signed char tiny; unsigned short small; int middle; unsigned long large; long long huge;
            float half; double whole; bool flag; const char *text; char chars[8]; perdure_json json;
        };
        PERDURE_STATE(everything, tiny, small, middle, large, huge, half, whole, flag, text, chars, json);
        static perdure_result job(perdure_ctx *ctx, everything *state) {
            if (perdure_check_interrupt(ctx)) return PERDURE_INTERRUPTED;
            state->huge++;
            return PERDURE_COMPLETED;
        }
        PERDURE_JOB(job, everything);
        static bool ready() { return true; }
        PERDURE_INIT(ready);
        """
    )
    words = ("-std=c++20", *STRICT, f"-I{SDK}", source)
    compiled("c++", *GUEST, "-fno-exceptions", "-fno-rtti", *words, "-o", tmp_path / "cpp.wasm", folder=tmp_path)
    assert exports(tmp_path / "cpp.wasm") >= {"execute_job", "plugin_init", "wasm_alloc"}


def exports(wasm: Path) -> set[str]:
    return {item.name for item in wasmtime.Module.from_file(wasmtime.Engine(), str(wasm)).exports}


def test_it_can_be_in_many_files(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text(BEGINNING)
    (tmp_path / "b.c").write_text(
        '#include "perdure.h"\n'
        "static perdure_result b(perdure_ctx *ctx, perdure_no_state *state) {\n"
        '    (void)state;\n    return perdure_fail(ctx, "as ever");\n}\n'
        "PERDURE_JOB(b, perdure_no_state);\n"
    )
    words = ("-std=c11", *STRICT, f"-I{SDK}", tmp_path / "a.c", tmp_path / "b.c")
    compiled("cc", *GUEST, *words, "-o", tmp_path / "ab.wasm", folder=tmp_path)
    assert "execute_b" in exports(tmp_path / "ab.wasm")


def test_every_kind_of_field_is_loaded_and_saved(tmp_path: Path) -> None:
    source = Path(__file__).parent / "sources" / "fields.c"
    compiled("cc", "-std=c11", *CHECKED, f"-I{SDK}", "-o", tmp_path / "fields", source, folder=tmp_path)
    done = subprocess.run([tmp_path / "fields"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


JOB = (
    "static perdure_result job(perdure_ctx *ctx, state_of *state) { return (void)ctx, (void)state, PERDURE_FAILED; }\n"
)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("typedef struct { void *p; } s; PERDURE_STATE(s, p);", "s.p: a state has integers, float, double, bool"),
        ("typedef struct { char *p; } s; PERDURE_STATE(s, p);", "s.p: a state has integers, float, double, bool"),
        ("typedef struct { int a; } s; PERDURE_STATE(s, b);", "no member named 'b'"),
        ("typedef struct { int a; } state_of;\n" + JOB + "PERDURE_JOB(job, state_of);", "perdure_fields_state_of"),
        (
            "typedef struct { int a; } state_of, other; PERDURE_STATE(other, a);\n"
            "typedef struct { int b; } third; PERDURE_STATE(third, b);\n" + JOB + "PERDURE_JOB(job, third);",
            "incompatible pointer types",
        ),
        ("void f(perdure_ctx *ctx) { perdure_check_interrupt(ctx); }", "ignoring return value"),
        ('void f(perdure_ctx *ctx) { perdure_add_warning(ctx, "%d", "text"); }', "format specifies type 'int'"),
        (
            'void f(perdure_ctx *ctx) { perdure_answer a; perdure_call(ctx, &a, "m", "{\'a\': %s}", 1); }',
            "format specifies",
        ),
        ('PERDURE_EXTENSION("y", "Y");', "PERDURE_EXTENSION needs an id, a name and a version"),
    ],
)
def test_misuse_is_an_error_that_says_what(source: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "bad.c").write_text(BEGINNING + source + "\n")
    words = ("-std=c17", "-Wall", "-Wextra", "-Werror", f"-I{SDK}", "-c", "bad.c", "-o", "bad.o")
    done = zig("cc", "--target=wasm32-freestanding", *words, folder=tmp_path)
    assert done.returncode != 0
    assert said in done.stderr, done.stderr


ZIG_BEGINNING = 'const perdure = @import("perdure");\n'


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('comptime { perdure.extension(.{ .id = "x", .name = "X" }); }', "perdure.extension needs .version"),
        (
            'comptime { perdure.extension(.{ .id = "x", .name = "X", .version = "1", .permission = .{} }); }',
            "a manifest has no .permission",
        ),
        (
            "const S = struct { p: ?*u8 = null };\nfn f(_: *perdure.Context, _: *S) !void {}\n"
            'comptime { perdure.job("f", S, f); }',
            "S.p: perdure cannot read a *u8 from JSON",
        ),
        (
            "const S = struct { a: i64 };\nfn f(_: *perdure.Context, _: *S) !void {}\n"
            'comptime { perdure.job("f", S, f); }',
            "missing struct field: a",
        ),
    ],
)
def test_misuse_in_zig_is_an_error_that_says_what(source: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "bad.zig").write_text(ZIG_BEGINNING + source + "\n")
    words = ("-target", "wasm32-freestanding", "-fno-entry", "-fno-emit-bin", "--dep", "perdure")
    done = zig("build-exe", *words, "-Mroot=bad.zig", f"-Mperdure={SDK / 'perdure.zig'}", folder=tmp_path)
    assert done.returncode != 0
    assert said in done.stderr, done.stderr


def test_what_zig_knows_of_the_header_is_so(tmp_path: Path) -> None:
    """The declarations in perdure.zig against those that zig itself reads out of perdure.h."""
    (tmp_path / "bare.h").write_text('#include "perdure.h"\n')
    translated = zig("translate-c", "-target", "wasm32-freestanding", f"-I{SDK}", "bare.h", folder=tmp_path)
    assert translated.returncode == 0, translated.stderr
    (tmp_path / "header.zig").write_text(translated.stdout)
    (tmp_path / "check.zig").write_text(
        """
        const std = @import("std");
        const ours = @import("perdure").c;
        const theirs = @import("header");

        fn same(comptime A: type, comptime B: type) void {
            if (@sizeOf(A) != @sizeOf(B)) @compileError(@typeName(A) ++ " has another size");
            for (std.meta.fieldNames(A), std.meta.fieldNames(B)) |a, b| {
                if (!std.mem.eql(u8, a, b)) @compileError(a ++ " is " ++ b);
                if (@offsetOf(A, a) != @offsetOf(B, b)) @compileError(a ++ " is elsewhere");
            }
        }

        comptime {
            @setEvalBranchQuota(100_000);
            same(ours.Writer, theirs.perdure_writer);
            same(ours.Answer, theirs.perdure_answer);
            same(ours.Job, theirs.perdure_job);
            same(@import("perdure").Json, theirs.perdure_json);
            if (theirs.PERDURE_JSON_NULL != ours.json_null) @compileError("null");
            if (theirs.PERDURE_JSON_ARRAY != ours.json_array) @compileError("array");
            if (theirs.PERDURE_JSON_OBJECT != ours.json_object) @compileError("object");
            if (theirs.PERDURE_PERMISSION_DENIED != 1 or theirs.PERDURE_UNAVAILABLE != 8) @compileError("codes");
            for (std.meta.declarations(ours)) |name| {
                if (!std.mem.startsWith(u8, name, "perdure_") or std.mem.startsWith(u8, name, "perdure_test")) continue;
                if (!@hasDecl(theirs, name)) @compileError("perdure.h has no " ++ name);
            }
        }
        """
    )
    words = ("-target", "wasm32-freestanding", "-fno-emit-bin", "--dep", "perdure", "--dep", "header")
    modules = ("-Mroot=check.zig", f"-Mperdure={SDK / 'perdure.zig'}", "-Mheader=header.zig")
    compiled("build-obj", *words, *modules, folder=tmp_path)


@pytest.mark.parametrize("name", ["counter-c", "counter-zig"])
def test_an_example_is_small_and_imports_the_contract_only(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    wasm = next(example(tmp_path_factory, name).glob("*.wasm"))
    assert wasm.stat().st_size < 48 * 1024
    module = wasmtime.Module.from_file(wasmtime.Engine(), str(wasm))
    assert {(item.module, item.name) for item in module.imports} == {("spacedrive", entry) for entry in IMPORTS}
    manifest = stated_manifest(wasm.read_bytes())
    assert (manifest["id"], manifest["version"]) == (name, "0.1.0")
    assert bytes(str(ROOT), "ascii") not in wasm.read_bytes()


@pytest.mark.parametrize("name", ["counter-c", "counter-zig"])
def test_the_same_sources_make_the_same_bytes_anywhere(
    name: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    here = next(example(tmp_path_factory, name).glob("*.wasm")).read_bytes()
    elsewhere = tmp_path / "a folder with another name"
    shutil.copytree(ROOT / "examples" / name, elsewhere, ignore=shutil.ignore_patterns(".*", "dist"))
    assert build(project_in(elsewhere), lambda _: None).wasm_path.read_bytes() == here


ZIG_TEST = ("include/perdure.c", "--dep", "perdure", "-Mroot=src/counter.zig", "-Mperdure=include/perdure.zig")
OWN_TESTS = [
    ("c", COUNTER_C, ("run", "-lc", "-Iinclude", "test/counter_test.c")),
    ("zig", COUNTER_ZIG, ("test", "-lc", *ZIG_TEST)),
]


@pytest.mark.parametrize(("language", "folder", "words"), OWN_TESTS)
def test_an_examples_own_test_passes_and_can_fail(
    language: str, folder: Path, words: tuple[str, ...], tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(folder, project, ignore=shutil.ignore_patterns(".*", "dist"))
    passed = zig(*words, folder=project)
    assert passed.returncode == 0, passed.stderr
    source = project / "src" / f"counter.{language}"
    source.write_text(source.read_text().replace('"Counted {d}', '"Counting {d}').replace('"Counted %', '"Counting %'))
    failed = zig(*words, folder=project)
    assert failed.returncode != 0
    assert "Counted 3/3" in failed.stderr if language == "c" else "it counts to its target" in failed.stderr
