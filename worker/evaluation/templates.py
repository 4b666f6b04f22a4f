"""Renders the pages of `kadr compare` and `kadr evaluate` from the templates in `pages/`."""

from pathlib import Path

import jinja2

_PAGES = Path(__file__).parent / "pages"


def render(template: str, **values: object) -> str:
    """Return a page; values are escaped as HTML.

    Args:
        template: Name of a file in `pages/`.
        values: What the template refers to.
    """
    loader = jinja2.FileSystemLoader(_PAGES)
    pages = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    return pages.get_template(template).render(**values)
