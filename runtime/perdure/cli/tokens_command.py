"""``perdure tokens``: who may use the server, and what each token opens."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final

import typer

from perdure.cli.invocation import BUSY_FOR_NEW, Invocation
from perdure.cli.job_view import plain_table
from perdure.cli.terminal_text import local_time, printable
from perdure.runtime.access.tokens import Token, all_tokens

CALLER: Final = "cli"

Name = Annotated[str, typer.Argument(metavar="NAME", help="What people call the client.")]
Id = Annotated[str, typer.Argument(metavar="TOKEN", help="Its id, as 'perdure tokens list' shows it.")]
ScopeOption = Annotated[
    list[str],
    typer.Option(
        "--scope",
        metavar="SCOPE",
        help="read, dispatch, control or admin, which has all; can be given several times.",
    ),
]
LibraryOption = Annotated[
    list[str] | None,
    typer.Option("--library", metavar="UUID", help="Only for this library; can be given several times."),
]
ExtensionOption = Annotated[
    list[str] | None,
    typer.Option("--extension", metavar="ID", help="Only for this extension; can be given several times."),
]
Days = Annotated[
    int | None, typer.Option("--days", metavar="N", min=1, max=36_500, help="It ends after so many days; else never.")
]


def create(
    invocation: Invocation,
    name: Name,
    scope: ScopeOption,
    library: LibraryOption = None,
    extension: ExtensionOption = None,
    days: Days = None,
) -> None:
    """Give a client a token, and print it: this once, and nowhere else, for only a digest of it is kept.

    The client shows it as 'Authorization: Bearer TOKEN'.
    """
    with invocation.runtime(busy=BUSY_FOR_NEW) as runtime:
        issued = runtime.issue_token(
            name,
            scope,
            libraries=library or (),
            extensions=extension or (),
            lifetime=timedelta(days=days) if days is not None else None,
            by=CALLER,
        )
    if invocation.json:
        invocation.output.json({**token_json(issued.token), "text": issued.text})
        return
    invocation.output.show(issued.text)
    invocation.output.say(
        f"token {issued.token.token} for {printable(name)}: {_opens(issued.token)}, {_until(issued.token)}; "
        f"take it back with: perdure tokens revoke {issued.token.token}"
    )


def list_tokens(invocation: Invocation) -> None:
    """List the tokens that are not revoked: their ids, and what they open; never the tokens themselves."""
    with invocation.read_if_any() as store:
        tokens = sorted(all_tokens(store), key=lambda token: token.issued_at) if store is not None else []
    if invocation.json:
        invocation.output.json([token_json(token) for token in tokens])
        return
    table = plain_table("token", "name", "opens", "issued", "by", "ends")
    for token in tokens:
        table.add_row(
            token.token,
            printable(token.name),
            _opens(token),
            local_time(token.issued_at),
            printable(token.issued_by),
            local_time(token.expires_at) if token.expires_at is not None else "never",
        )
    invocation.output.show(table)


def revoke(invocation: Invocation, token: Id) -> None:
    """Let a token open nothing any more, from now on."""
    with invocation.runtime(busy=BUSY_FOR_NEW) as runtime:
        found = runtime.revoke_token(token, by=CALLER)
    if invocation.json:
        invocation.output.json(token_json(found))
    else:
        invocation.output.say(f"token {found.token} of {printable(found.name)} opens nothing any more")


def token_json(token: Token) -> dict[str, Any]:
    """A token as a JSON object, without the digest of its secret. Times are microseconds since 1970."""
    return {
        "token": token.token,
        "name": token.name,
        "scopes": list(token.scopes),
        "libraries": list(token.libraries),
        "extensions": list(token.extensions),
        "issued_at": token.issued_at,
        "expires_at": token.expires_at,
        "issued_by": token.issued_by,
    }


def _opens(token: Token) -> str:
    only = [*token.extensions, *(f"library {library}" for library in token.libraries)]
    return printable(", ".join(token.scopes) + (f" of {', '.join(only)}" if only else ""))


def _until(token: Token) -> str:
    return f"until {local_time(token.expires_at)}" if token.expires_at is not None else "until it is revoked"
