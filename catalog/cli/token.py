"""`kadr token`: tokens with which scripts use the REST API."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from catalog.access import tokens
from catalog.cli import catalogue, console, options
from catalog.db.web_tables import Scope

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Tokens of scripts that use the REST API."
)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What you call it.")],
    *,
    scope: Annotated[Scope, typer.Option(help="What it may do; each includes those before.")],
    days: Annotated[int | None, typer.Option(min=1, help="Days until it ends.")] = None,
) -> None:
    """Make a token and print it; it is not shown again."""
    with catalogue.writing() as session:
        value = tokens.add(session, name, scope, now=datetime.now(UTC), days=days)
    typer.echo(value)
    console.err().print("Keep it now: it is not shown again.")


@app.command("list")
def list_(*, as_json: options.AsJson = False) -> None:
    """List the tokens: what they may do, until when, when they were last used."""
    with catalogue.reading() as session:
        found = [
            {
                "name": token.name,
                "scope": token.scope,
                "created_at": token.created_at,
                "expires_at": token.expires_at,
                "used_at": token.used_at,
            }
            for token in tokens.find_all(session)
        ]
    columns = ("name", "scope", "until", "last used")
    console.print_table(found, columns, _shown, as_json=as_json)


def _shown(token: Mapping[str, Any]) -> tuple[str, ...]:
    times = (token["expires_at"], token["used_at"])
    days = ("-" if time is None else f"{time:%Y-%m-%d}" for time in times)
    return (token["name"], token["scope"], *days)


@app.command()
def remove(name: Annotated[str, typer.Argument(help="What you call it.")]) -> None:
    """Delete a token: it is refused from now on."""
    with catalogue.writing() as session:
        tokens.remove(session, name)
    console.out().print("removed")
