"""`kadr webhook`: addresses that are told of events while `kadr serve` runs."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from catalog.cli import catalogue, console, options
from catalog.requests import webhooks

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Addresses that are told of events."
)

Url = Annotated[str, typer.Argument(metavar="URL", help="Where events are sent to.")]


@app.command()
def add(
    url: Url,
    *,
    events: Annotated[
        str, typer.Option(help="Kinds by commas: tagged, failed, decided, sidecar.")
    ] = "tagged",
) -> None:
    """Send events to an address from now on; print the secret of its signature."""
    kinds = [each.strip() for each in events.split(",") if each.strip()]
    with catalogue.writing() as session:
        secret = webhooks.add(session, url, kinds)
    typer.echo(secret)
    console.err().print("Check the header Kadr-Signature with it; it is not shown again.")


@app.command("list")
def list_(*, as_json: options.AsJson = False) -> None:
    """List the addresses, and those that do not answer with the reason."""
    with catalogue.reading() as session:
        found = [
            {
                "url": hook.url,
                "events": hook.events,
                "told": hook.told,
                "failing_since": hook.failing_since,
                "failure": hook.failure,
                "off_since": hook.off_since,
            }
            for hook in webhooks.find_all(session)
        ]
    console.print_table(found, ("address", "events", "state"), _shown, as_json=as_json)


def _shown(hook: Mapping[str, Any]) -> tuple[str, ...]:
    state = "off" if hook["off_since"] else "fails" if hook["failing_since"] else "works"
    reason = f": {hook['failure']}" if hook["failure"] else ""
    return (hook["url"], ", ".join(hook["events"]), state + reason)


@app.command()
def on(url: Url) -> None:
    """Try an address again that was switched off; it is told of all it has missed."""
    with catalogue.writing() as session:
        webhooks.switch_on(session, url)
    console.out().print("tried again from now on")


@app.command()
def remove(url: Url) -> None:
    """Send an address nothing any more."""
    with catalogue.writing() as session:
        webhooks.remove(session, url)
    console.out().print("removed")
