"""The operations that ship with perdure, by family."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from perdure.runtime.ai.operations import ai_operations
from perdure.runtime.clock.operations import clock_operations
from perdure.runtime.config.operations import config_operations
from perdure.runtime.credentials.family import credential_family
from perdure.runtime.files.operations import file_operations
from perdure.runtime.http.operations import http_operations
from perdure.runtime.mail.operations import mail_operations
from perdure.runtime.media.operations import media_operations
from perdure.runtime.operations import ping
from perdure.runtime.random.operations import random_operations
from perdure.runtime.vdfs.operations import vdfs_operations

if TYPE_CHECKING:
    from perdure.runtime.runtime import Runtime


def register_standard_operations(runtime: Runtime) -> None:
    """Add all of them to the runtime's registry; called while the runtime is made, before anything runs."""
    register = runtime.operations.register
    register(ping.ping)
    register(*clock_operations(runtime.clock))
    register(*random_operations(os.urandom))
    register(*config_operations(lambda extension: runtime.inspect(extension).manifest))
    register(*vdfs_operations(runtime.vdfs))
    register(*file_operations(runtime.shared_folders, runtime.clock))
    register(*mail_operations(runtime.settings.mail, runtime.mailboxes, runtime.worker_pool))
    register(*media_operations(runtime.settings.media, runtime.sources, runtime.worker_pool))
    register(*runtime.lock_operations)
    register(*runtime.job_operations)
    register(*runtime.event_operations)
    register(*http_operations(runtime.settings.http, runtime.hosts_of))
    settings = runtime.settings
    register(*ai_operations(settings.ai, settings.ocr, settings.http, runtime.worker_pool, runtime.sources))
    register(
        *credential_family(
            runtime.store, runtime.keychain, runtime.call, runtime.hosts_of, runtime.settings.http, runtime.clock
        )
    )
