"""Errors are named by what their caller does about them."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("package", ["catalog", "worker"])
def test_root_of_all_errors_is_only_caught(package: str) -> None:
    raised = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and ast.unparse(node.exc.func) in {"CatalogError", "WorkerError", "Exception"}
    ]

    assert raised == []
