"""The commands of a group, each made when it is asked for: it loads what it needs, and not what the others need."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import typer

from perdure.cli.commands import Group
from perdure.cli.invocation import command, remember


class LazyCommands(MutableMapping[str, Any]):
    """What typer takes for the commands of a group, by their names; ``table`` is as `perdure.cli.commands`."""

    def __init__(self, table: Mapping[str, str | Group]) -> None:
        self._table = dict(table)
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        """The command.

        Raises:
            KeyError: there is none of this name.
        """
        if name not in self._made:
            where = self._table[name]
            self._made[name] = _group(name, where) if isinstance(where, Group) else _command(name, where)
        return self._made[name]

    def __setitem__(self, name: str, made: Any) -> None:
        self._made[name] = made
        self._table.setdefault(name, "")

    def __delitem__(self, name: str) -> None:
        del self._table[name]
        self._made.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


def _command(name: str, where: str) -> Any:
    module, function = where.split(":")
    alone = typer.Typer(add_completion=False)
    command(alone, name)(getattr(importlib.import_module(f"perdure.cli.{module}"), function))
    return typer.main.get_command(alone)


def _group(name: str, group: Group) -> Any:
    empty = typer.Typer(name=name, help=group.help, no_args_is_help=True, add_completion=False)
    empty.callback()(remember)
    made: Any = typer.main.get_command(empty)
    made.commands = LazyCommands(group.commands)
    return made
