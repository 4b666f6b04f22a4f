"""What the package says of itself is true."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent
OURS = ("catalog", "worker", "migrations")


def test_every_package_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    users = [
        *project["dependencies"],
        *(each for name in extras if name != "dev" for each in extras[name]),
    ]
    declared = {normalised(re.split(r"[^\w.-]", each)[0]) for each in users}
    distributions = packages_distributions()

    undeclared = {
        f"{name} ({path.relative_to(ROOT)})"
        for path in (path for package in OURS for path in (ROOT / package).rglob("*.py"))
        for name in imported(path) - set(sys.stdlib_module_names) - set(OURS)
        if declared.isdisjoint(map(normalised, distributions.get(name, [name])))
    }

    assert undeclared == set()


def imported(path: Path) -> set[str]:
    """Return the top names of all that a module imports, also inside functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {name.partition(".")[0] for node in ast.walk(tree) for name in imports_of(node)}


def imports_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module


def normalised(name: str) -> str:
    """Return a distribution's name as package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
