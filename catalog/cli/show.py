"""`kadr show`: all that is known of a photo."""

from typing import Annotated

import typer

from catalog.cli import console, options


def show(
    photos: Annotated[
        list[str], typer.Argument(metavar="PHOTO...", help="Paths or ids; - reads them from stdin.")
    ],
    *,
    show_all: Annotated[
        bool, typer.Option("--all", help="Also keywords below KADR_MIN_CONFIDENCE.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Show all that is known of a photo: keywords and where they came from, places, history."""
    from catalog import query
    from catalog.cli import card
    from catalog.tags import threshold

    with console.reading() as session:
        least = 0.0 if show_all else threshold.of(session)
        found = [query.get_photo(session, each) for each in console.read_arguments(photos)]
    if as_json:
        console.print_json([card.as_data(each) for each in found])
        return
    for each in found:
        card.print_card(each, console.out(), least=least)
