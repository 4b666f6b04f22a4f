"""A command line whose commands are imported only when they are named.

`kadr search` has no time for what `kadr tag` imports. `build` therefore takes a table of modules
and one line of help for each command; `worker.cli` and the tests call it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from catalog import importing


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or a group of them such as `kadr db`."""

    #: A module with a `typer.Typer` named `app`.
    module: str
    #: The first paragraph of its help, for the list of commands.
    help: str


def build(commands: Mapping[str, Command], given: object = None) -> typer.Typer:
    """Build the command line; `given` becomes each command's `typer.Context.obj`."""
    app = typer.Typer(
        name="kadr",
        cls=_group_of(commands),
        help="Tags photos with keywords as they arrive; search and group them by those keywords.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "obj": given},
        rich_markup_mode="rich",
    )
    for name, command in commands.items():
        app.command(name, help=command.help)(_placeholder)
    return app


def load(command: Command) -> Any:  # noqa: ANN401 - click's or Typer's own, by Typer's version
    """Import the module of a command and return what runs it."""
    with importing.uncollected():
        app = import_module(command.module).app
    return get_command(app)


def _group_of(commands: Mapping[str, Command]) -> type[TyperGroup]:
    class LazyGroup(TyperGroup):
        """Lists placeholders; puts the command that is named in the place of its own."""

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
            name, placeholder, rest = super().resolve_command(ctx, args)
            return name, load(commands[name]) if name else placeholder, rest

    return LazyGroup


def _placeholder() -> None:
    """Stand for a command in the list of commands."""
