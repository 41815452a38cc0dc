"""What an embedder may choose. The defaults suit a desktop program and a small service alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from perdure.actors.requeueing import ReplayLimit
from perdure.actors.supervisor import RestartLimit
from perdure.runtime.ai.ocr.settings import OcrSettings
from perdure.runtime.ai.settings import AiSettings
from perdure.runtime.budgets.budgets import Budgets
from perdure.runtime.http.settings import HttpSettings
from perdure.runtime.mail.settings import MailSettings
from perdure.runtime.media.settings import MediaSettings
from perdure.runtime.secrets.passphrase import Argon2Parameters
from perdure.runtime.wasm.boundary.names import BoundaryChoice


class RuntimeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in bytes, times in seconds.

    Attributes:
        running_jobs: how many jobs run at once, over all extensions; each has a thread.
        workers: threads that run operations, for each extension and for the host; none waits for another's.
        kill_grace: how long a guest may take to honour a pause or a cancel before it is stopped.
        shutdown_grace: the same when the runtime closes.
        init_seconds, init_fuel: what ``plugin_init`` and ``plugin_cleanup`` may use.
        call_timeout: how long a call that waits for an actor waits, unless it is given a timeout of its own.
        restarts: how often an actor that dies is restarted.
        replay_limit: how long a run may be that is taken up exactly where a crash broke it off; a longer one goes on
            from its last checkpoint.
        budgets: how much an extension may use, where neither its manifest nor its grant says so.
        http: requests of extensions to other hosts; which private networks they may reach.
        mail: connections to mail servers, and how much is read of a message (docs/mail.md).
        media: pictures: how large they may be, how many are worked on at once.
        ai: which models read texts: the one that ships, or an endpoint of OpenAI's protocol (docs/ai.md).
        ocr: how documents are read, and how large they may be (docs/ocr.md).
        master_key: 32 random bytes, if the program keeps the key of all secrets itself (docs/secrets.md). None: it is
            kept in the system's keyring where there is one, else in the data folder.
        passphrase_work: how much memory and work a try of a passphrase costs, of passphrases that are set from now on.
        library_quota_bytes, library_quota_entries: what a library may hold that has no quota of its own.
        cross_extension: which job types of others an extension's jobs may dispatch, by its id, ``*`` for all of them:
            ``{"shop": ("ocr:read", "mail:*")}``. None but its own if it is not there.
        job_depth: how many generations of jobs dispatch each other; 1: only the host dispatches.
        children_per_job, family_jobs: how many jobs one job may dispatch, and how many may descend from one.
        event_chain: how often an event may wake a job whose event wakes a job, and so on.
        queued_wakeups: how many jobs that a subscription woke may be unfinished; later events wait in the log.
        seal_interval: seconds between the seals that are made by themselves, if anything changed (docs/seals.md); None:
            only on demand.
        retention: after how many days a job that has ended is folded: its events are removed, what they add up to and
            the hash of the last one stay. By job type, the closest counts: ``{"shop:invoice": 365, "shop:*": 30,
            "*": None}``; None, and what is not there, is for ever.
        retention_interval: how often finished jobs are looked through for that, at most.
        switch_interval: the interpreter's switch interval while jobs run, in seconds, for a program that has busy
            Python threads (guide.md). It is the whole process's, and set back afterwards; None: it is left alone.
        one_processor: whether the threads of jobs that save checkpoints in quick succession are kept on one processor,
            faster as long as their guests hardly compute (ADR 0028). On Linux; never the threads of operations.
        boundary: how guests are reached: ``auto`` takes the fast way if it passes its check, ``raw`` is that way
            unchecked, ``stock`` the slow one (ADR 0024). What jobs do and record is the same.
        discover_operations: whether operations of installed distributions are registered (``perdure.operations``).
        map_size, max_map_size: the log's first and largest size.
    """

    running_jobs: int = 64
    workers: int = 8
    kill_grace: float = 5.0
    shutdown_grace: float = 5.0
    init_seconds: float = 5.0
    init_fuel: int = 5_000_000_000
    call_timeout: float = 60.0
    restarts: RestartLimit = RestartLimit()
    replay_limit: ReplayLimit = ReplayLimit()
    budgets: Budgets = Budgets()
    http: HttpSettings = HttpSettings()
    mail: MailSettings = MailSettings()
    media: MediaSettings = MediaSettings()
    ai: AiSettings = AiSettings()
    ocr: OcrSettings = OcrSettings()
    master_key: bytes | None = None
    passphrase_work: Argon2Parameters = Argon2Parameters()
    library_quota_bytes: int = 64 << 30
    library_quota_entries: int = 1_000_000
    cross_extension: Mapping[str, tuple[str, ...]] = {}
    job_depth: int = 8
    children_per_job: int = 1_000
    family_jobs: int = 10_000
    event_chain: int = 8
    queued_wakeups: int = 16
    seal_interval: float | None = 3600.0
    retention: Mapping[str, float | None] = {}
    retention_interval: float = 3600.0
    switch_interval: float | None = None
    one_processor: bool = True
    boundary: BoundaryChoice = "auto"
    discover_operations: bool = True
    map_size: int = 64 << 20
    max_map_size: int = 1 << 40

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"RuntimeSettings({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        if self.master_key is not None:
            fields["master_key"] = "[sensitive]"
        return list(fields.items())
