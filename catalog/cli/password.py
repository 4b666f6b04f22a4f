"""`kadr password`: the password of the gallery."""

from typing import Annotated

import typer

from catalog.access import passwords, sessions
from catalog.cli import catalogue, console

app = typer.Typer(add_completion=False)


@app.command()
def password(
    *,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read it from standard input instead of asking.")
    ] = False,
) -> None:
    """Set the password of the gallery; browsers that are logged in must log in again."""
    given = (
        typer.get_text_stream("stdin").readline().rstrip("\r\n")
        if stdin
        else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    )
    with catalogue.writing() as session:
        passwords.store(session, given)
        sessions.end_all(session)
    console.out().print("The gallery asks for this password from now on.")
