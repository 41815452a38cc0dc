"""What the command's exit code says. One table; ``docs/cli.md`` prints it."""

from __future__ import annotations

import enum
from typing import Final


class ExitCode(enum.IntEnum):
    """The exit codes; `MEANINGS` explains them."""

    DONE = 0
    JOB_FAILED = 1
    USAGE = 2
    BAD_EXTENSION = 3
    FOLDER_IN_USE = 4
    JOB_CANCELLED = 5
    JOB_WAITS = 6
    UNKNOWN = 7
    STORE = 8
    INTERNAL = 9
    NOT_NOW = 10
    CONSENT = 11
    DIFFERS = 12
    PARTIAL = 13
    BUILD_FAILED = 14
    PUBLISHER = 15
    NO_SERVER = 16
    PERMISSION_DENIED = 20
    LIBRARY_DENIED = 21
    RATE_LIMITED = 22
    UNKNOWN_METHOD = 23
    INVALID_PAYLOAD = 24
    NOT_FOUND = 25
    OPERATION_FAILED = 26
    UNAVAILABLE = 27
    INTERRUPTED = 130  # 128 + SIGINT, as shells count
    TERMINATED = 143  # 128 + SIGTERM
    OUTPUT_CLOSED = 141  # 128 + SIGPIPE


MEANINGS: Final[dict[ExitCode, str]] = {
    ExitCode.DONE: "done; a job that was waited for has completed",
    ExitCode.JOB_FAILED: "a job that was waited for has failed",
    ExitCode.USAGE: "wrong use: an option, an argument, a state that is no JSON, a limit that makes no sense",
    ExitCode.BAD_EXTENSION: "the extension's folder, package, manifest or module cannot be used",
    ExitCode.FOLDER_IN_USE: "another process works on this data folder, and has to do this or to stop first",
    ExitCode.JOB_CANCELLED: "a job that was waited for was cancelled",
    ExitCode.JOB_WAITS: "a job that was waited for has not ended: it is paused, locked, in doubt, or nothing runs it",
    ExitCode.UNKNOWN: "there is no such job, extension, job type, event or stream, or nothing has run in this folder",
    ExitCode.STORE: "the log or a bundle is damaged, or cannot be read or written (a full disk, missing rights)",
    ExitCode.INTERNAL: "a defect of perdure; --debug shows where",
    ExitCode.NOT_NOW: "the job's status, jobs of the extension, or locked credentials do not allow this now",
    ExitCode.CONSENT: "an extension asks for permissions, and nobody agreed: --yes, or a terminal to ask at",
    ExitCode.DIFFERS: "verified or rehearsed, and a job does something else than its log says",
    ExitCode.PARTIAL: "verified or rehearsed: nothing differs, but not all was compared (what is erased or locked)",
    ExitCode.BUILD_FAILED: "a project could not be built: its code, its files, or a compiler that is missing",
    ExitCode.PUBLISHER: "signed by another publisher than the versions before, or not signed: nothing was installed",
    ExitCode.NO_SERVER: "the server that works on the folder ended, or did not answer in time",
    ExitCode.PERMISSION_DENIED: "an operation answered `permission_denied`: not granted, or a wrong passphrase",
    ExitCode.LIBRARY_DENIED: "an operation answered `library_denied`: the extension was not granted the library",
    ExitCode.RATE_LIMITED: "an operation answered `rate_limited`: a budget is used up; the error says until when",
    ExitCode.UNKNOWN_METHOD: "an operation answered `unknown_method`: there is none of this name",
    ExitCode.INVALID_PAYLOAD: "an operation answered `invalid_payload`: its input is not what it must be",
    ExitCode.NOT_FOUND: "an operation answered `not_found`: what it should work on is not there",
    ExitCode.OPERATION_FAILED: "an operation answered `failed`",
    ExitCode.UNAVAILABLE: "an operation answered `unavailable`: it may be tried again",
    ExitCode.INTERRUPTED: "stopped by SIGINT (Ctrl-C); jobs go on with `perdure resume`",
    ExitCode.OUTPUT_CLOSED: "whoever read the output went away",
    ExitCode.TERMINATED: "stopped by SIGTERM; jobs go on with `perdure resume`",
}
