"""`kadr health`: whether the gallery on this machine answers, for containers and monitors."""

import urllib.error
import urllib.request
from typing import Annotated

import typer

from catalog.cli import console

app = typer.Typer(add_completion=False)

_TIMEOUT_S = 5.0


@app.command()
def health(
    *,
    port: Annotated[int, typer.Option(envvar="KADR_WEB_PORT", help="Port of `kadr serve`.")] = 8090,
    ready: Annotated[
        bool, typer.Option("--ready", help="Ask for the database and the folders, too.")
    ] = False,
) -> None:
    """Ask the gallery on this machine whether it works; status 1 if it does not answer."""
    url = f"http://127.0.0.1:{port}/{'readyz' if ready else 'healthz'}"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S):
            console.out().print("works")
    except urllib.error.HTTPError as error:
        console.err().print(error.read().decode(errors="replace"), markup=False)
        raise typer.Exit(1) from error
    except OSError as error:
        console.err().print(f"nothing answers at {url} ({error})", markup=False)
        raise typer.Exit(1) from error
