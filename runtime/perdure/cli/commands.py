"""All commands, and the function behind each, as ``module:function`` of `perdure.cli`.

A module is loaded when one of its commands is used, or its help is printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Group:
    """Commands that stand behind one word."""

    help: str
    commands: Mapping[str, str | Group]


COMMANDS: Final[Mapping[str, str | Group]] = {
    "new": "new_command:new",
    "build": "build_command:build",
    "pack": "pack_command:pack",
    "run": "run_command:run",
    "resume": "resume_command:resume",
    "dev": "dev_command:dev",
    "serve": "serve_command:serve",
    "call": "call_command:call",
    "verify": "verify_command:verify",
    "doctor": "doctor:doctor",
    "extensions": Group(
        "List, install, inspect and remove extensions, and say what they may do.",
        {
            "list": "extensions_commands:list_extensions",
            "install": "install_command:install",
            "inspect": "extensions_commands:inspect",
            "rehearse": "rehearse_command:rehearsal",
            "update": "permissions_commands:update",
            "grant": "permissions_commands:grant",
            "permissions": "permissions_commands:permissions",
            "budgets": "budgets_command:budgets",
            "config": "config_command:config",
            "remove": "extensions_commands:remove",
        },
    ),
    "operations": Group(
        "List and show the operations that may be called.",
        {
            "list": "operations_commands:list_operations",
            "show": "operations_commands:show",
            "client": "operations_commands:client",
        },
    ),
    "folders": Group(
        "Let extensions read folders of this machine.",
        {
            "share": "folder_commands:share",
            "list": "folder_commands:list_shares",
            "unshare": "folder_commands:unshare",
        },
    ),
    "library": Group(
        "Look into a library, and get what is in it.",
        {
            "list": "library_commands:list_entries",
            "get": "library_commands:get",
        },
    ),
    "jobs": Group(
        "List, show and watch jobs, and act on them.",
        {
            "list": "jobs_commands:list_jobs",
            "show": "jobs_commands:show",
            "fork": "fork_command:fork",
            "step": "step_command:step",
            "watch": "watch_command:watch",
            "pause": "jobs_commands:pause",
            "resume": "resume_command:resume_job",
            "cancel": "jobs_commands:cancel",
            "retry": "resume_command:retry_job",
            "resolve": "resolve_command:resolve",
            "fold": "fold_command:fold",
        },
    ),
    "log": Group(
        "Read the events, and check them.",
        {
            "tail": "log_commands:tail",
            "history": "log_commands:show_history",
            "diff": "diff_command:diff",
            "export": "export_command:export",
            "check": "check_command:check",
            "backup": "upkeep_commands:backup",
            "restore": "upkeep_commands:restore",
            "compact": "upkeep_commands:compact",
            "upgrade": "upkeep_commands:upgrade",
            "seal": "seal_commands:seal",
        },
    ),
    "credentials": Group(
        "See which credentials there are, and who did what with them.",
        {
            "list": "credentials_commands:list_credentials",
            "audit": "credentials_commands:audit",
            "passphrase": "lock_commands:passphrase",
            "unlock": "lock_commands:unlock",
        },
    ),
    "tokens": Group(
        "Say who may use the server, and what each client may do.",
        {
            "create": "tokens_command:create",
            "list": "tokens_command:list_tokens",
            "revoke": "tokens_command:revoke",
        },
    ),
    "keys": Group(
        "Look after the keys that seal secrets.",
        {
            "rotate": "keys_commands:rotate",
            "public": "seal_commands:public",
            "erase": "erase_command:erase",
            "publisher": Group(
                "Make, show and rotate the key with which you sign packages.",
                {
                    "new": "publisher_commands:new",
                    "show": "publisher_commands:show",
                    "export": "publisher_commands:export",
                    "rotate": "publisher_commands:rotate",
                },
            ),
        },
    ),
}
