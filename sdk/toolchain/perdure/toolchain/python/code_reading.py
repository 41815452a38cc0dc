"""What an author's code calls, as far as it is written there: names of operations, and what the sandbox does not have.

It reads the syntax tree and runs nothing. A name that the code puts together when it runs is not found; the host checks
every call anyway.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

_OPERATION: Final = re.compile(r"(?:query|action):[a-z0-9_]+(?:\.[a-z0-9_]+)*")
_CONTEXTS: Final = frozenset({"JobContext", "ExtensionContext"})
_USUAL_CONTEXT: Final = "ctx"
_CLIENT: Final = "Client"

# Modules of Python that the sandbox's does not have.
_NO_MODULES: Final = frozenset(
    {
        *(
            "bz2",
            "ctypes",
            "curses",
            "fcntl",
            "grp",
            "lzma",
            "mmap",
            "msvcrt",
            "nt",
            "pty",
            "pwd",
            "readline",
            "resource",
        ),
        *("ssl", "syslog", "termios", "tkinter", "tty", "turtle", "winreg", "winsound"),
    }
)
_NETWORK: Final = "there is no network; ctx.http asks the host, if network_access allows it"
_PROCESSES: Final = "there are no processes"
_THREADS: Final = "there are no threads; jobs of an extension run side by side instead"
_TIME: Final = "there is no clock; ctx.now() asks the host, and a job that is run again is told the same"
_CHANCE: Final = (
    "there is no chance; ctx.random and ctx.uuid4() ask the host, and a job that is run again draws the same"
)
# Those that can be imported, and are of no use.
_USELESS_MODULES: Final = {
    **dict.fromkeys(("socket", "socketserver", "ftplib", "smtplib", "imaplib", "poplib"), _NETWORK),
    **dict.fromkeys(("http.client", "http.server", "urllib.request", "xmlrpc.client"), _NETWORK),
    **dict.fromkeys(("subprocess", "multiprocessing"), _PROCESSES),
    **dict.fromkeys(("concurrent.futures", "_thread"), _THREADS),
    **dict.fromkeys(("secrets",), _CHANCE),
}
_USELESS_CALLS: Final = {
    **dict.fromkeys(("time.time", "time.time_ns", "time.monotonic", "time.perf_counter", "time.localtime"), _TIME),
    **dict.fromkeys(("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.date.today"), _TIME),
    "time.sleep": "nothing wakes it; a job that waits is paused by its host",
    **dict.fromkeys(("os.urandom", "uuid.uuid1", "uuid.uuid4"), _CHANCE),
    "threading.Thread": _THREADS,
}


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a file calls. ``dynamic`` are the places of calls whose name is made when they happen.

    ``missing`` and ``useless`` are what it uses that the sandbox does not have, a line for people each: without the
    first it cannot be imported, without the second it fails when it gets there.
    """

    names: frozenset[str] = frozenset()
    dynamic: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    useless: tuple[str, ...] = ()


def read_code(file: str, text: str, clients: Mapping[str, str]) -> Reading:
    """Read a file of the author's. ``clients`` says what methods such as ``vdfs.write_sidecar`` and ``now`` call.

    A file that is no Python reads as nothing: who imports it says what is wrong with it.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return Reading()
    reader = _Reader(file, tree, clients)
    reader.visit(tree)
    return Reading(
        names=frozenset(reader.names),
        dynamic=tuple(reader.dynamic),
        missing=tuple(dict.fromkeys(reader.missing)),
        useless=tuple(dict.fromkeys(reader.useless)),
    )


class _Reader(ast.NodeVisitor):
    def __init__(self, file: str, tree: ast.Module, clients: Mapping[str, str]) -> None:
        self.names: set[str] = set()
        self.dynamic: list[str] = []
        self.missing: list[str] = []
        self.useless: list[str] = []
        self._file = file
        self._clients = clients
        self._families = {method.partition(".")[0] for method in clients if "." in method}
        self._contexts = set(_context_names(tree))
        self._constants = dict(_constants(tree))
        self._imported: dict[str, str] = {}
        self._trying = 0
        # A client in a variable: files = ctx.vdfs, files = VdfsClient(ctx).
        self._client_names = {
            target.id: family
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and (family := self._family(node.value)) is not None
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    # --- calls --------------------------------------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "call":
            method = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg == "method"), None)
            text = self._text(method)
            if text is not None and _OPERATION.fullmatch(text):
                self.names.add(text)
            elif text is None and self._is_context(node.func.value):
                self.dynamic.append(self._place(node))
        if (dotted := self._dotted(node.func)) in _USELESS_CALLS:
            self.useless.append(f"{self._place(node)}: {dotted}(): {_USELESS_CALLS[dotted or '']}")
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        family = self._family(node.value)
        method = node.attr if family is None and self._is_context(node.value) else f"{family}.{node.attr}"
        if method in self._clients:
            self.names.add(self._clients[method])
        self.generic_visit(node)

    def _family(self, node: ast.expr) -> str | None:
        """The family of the client that an expression is: ``ctx.vdfs``, ``VdfsClient(ctx)``, one ``.in_library(…)``."""
        if isinstance(node, ast.Attribute) and node.attr in self._families and self._is_context(node.value):
            return node.attr
        if isinstance(node, ast.Name):
            return self._client_names.get(node.id) if hasattr(self, "_client_names") else None
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "in_library":
                return self._family(node.func.value)
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            family = called.removesuffix(_CLIENT).lower()
            if called.endswith(_CLIENT) and family in self._families:
                return family
        return None

    def _is_context(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self._contexts
        return isinstance(node, ast.Attribute) and node.attr.lstrip("_") in self._contexts  # self.ctx

    def _text(self, node: ast.expr | None) -> str | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.Name):
            return self._constants.get(node.id)
        return None

    # --- what the sandbox has not -------------------------------------------------------------------------------------

    def visit_Try(self, node: ast.Try) -> None:
        self._trying += 1  # an import in it is one that may fail
        for statement in node.body:
            self.visit(statement)
        self._trying -= 1
        for part in (*node.handlers, *node.orelse, *node.finalbody):
            self.visit(part)

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" in ast.dump(node.test):
            for statement in node.orelse:
                self.visit(statement)
            return
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._imported[alias.asname or alias.name.partition(".")[0]] = (
                alias.name if alias.asname else alias.name.partition(".")[0]
            )
            self._look_at(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or node.module is None:
            return
        self._look_at(node, node.module)
        for alias in node.names:
            self._imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            self._look_at(node, f"{node.module}.{alias.name}")

    def _look_at(self, node: ast.stmt, module: str) -> None:
        if self._trying:
            return
        top = module.partition(".")[0]
        if top in _NO_MODULES:
            self.missing.append(f"{self._place(node)}: import {top}: the sandbox's Python does not have it")
        elif module in _USELESS_MODULES:
            self.useless.append(f"{self._place(node)}: {module}: {_USELESS_MODULES[module]}")

    def _dotted(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Name):
            return self._imported.get(node.id)
        if isinstance(node, ast.Attribute) and (before := self._dotted(node.value)) is not None:
            return f"{before}.{node.attr}"
        return None

    def _place(self, node: ast.stmt | ast.expr) -> str:
        return f"{self._file}:{node.lineno}"


def _context_names(tree: ast.Module) -> Iterator[str]:
    """What job contexts are called: parameters that are annotated so, and the first of a job's."""
    yield _USUAL_CONTEXT
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for parameter in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                if parameter.annotation is not None and _last_name(parameter.annotation) in _CONTEXTS:
                    yield parameter.arg
            if node.args.args and any(_last_name(one) == "job" for one in node.decorator_list):
                yield node.args.args[0].arg


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Constant):
        return str(node.value).rpartition(".")[2]
    return node.id if isinstance(node, ast.Name) else ""


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Texts that are given a name at the top of a module, once."""
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield target.id, value.value
