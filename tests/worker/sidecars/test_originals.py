"""No module that sees photos can write a file, but the one that replaces sidecars."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
#: The rooms in which paths of photos are known.
ROOMS = (
    *("catalog/photos", "catalog/tags", "catalog/query"),
    *("worker/images", "worker/metadata", "worker/queue", "worker/sidecars", "worker/tagging"),
    "worker/watch",
)
WRITER = "worker/sidecars/disk.py"

#: Calls that change files, by the name of the function or method.
_CHANGES = frozenset(
    {"write_bytes", "write_text", "unlink", "rename", "replace", "rmdir", "rmtree", "truncate"}
    | {"touch", "chmod", "lchmod", "chown", "fchown", "fchmod", "utime", "link", "symlink"}
    | {"symlink_to", "hardlink_to", "mkdir", "makedirs", "removedirs", "remove", "move"}
    | {"copy", "copy2", "copyfile", "copytree", "save", "writelines", "setxattr"}
)
#: Of those, what else has such a method: text, dates, dataclasses, lists, sets, trees.
_HARMLESS = frozenset({"replace", "remove", "copy", "touch", "save", "move", "link", "truncate"})
_FILES = frozenset({"os", "shutil", "path", "file"})


def changes(source: str) -> Iterator[str]:
    """Yield the calls of a module that change files, or open them for writing."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in {"O_WRONLY", "O_RDWR", "O_CREAT"}:
            yield node.attr
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        owner = ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""
        is_file = owner in _FILES or owner.endswith(("path", "file", "_path"))
        if name in _CHANGES and (name not in _HARMLESS or is_file):
            yield f"{owner}.{name}"
        modes = [*node.args[:2], *(each.value for each in node.keywords if each.arg == "mode")]
        if name in {"open", "fdopen"}:
            yield from (f"open({mode!r})" for mode in map(_mode, modes) if set(mode) & set("wax+"))


def _mode(argument: ast.expr) -> str:
    """Return the mode that an argument of `open` is; a name of a file is none."""
    is_mode = isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    return argument.value if is_mode and len(argument.value) <= len("r+b") else ""


@pytest.mark.parametrize("room", ROOMS)
def test_only_the_writer_of_sidecars_changes_files(room: str) -> None:
    found = {
        str(path.relative_to(ROOT)): sorted(set(changes(path.read_text(encoding="utf-8"))))
        for path in sorted((ROOT / room).rglob("*.py"))
    }

    assert {path: calls for path, calls in found.items() if calls and path != WRITER} == {}


def test_the_writer_would_be_found() -> None:
    assert set(changes((ROOT / WRITER).read_text(encoding="utf-8"))) >= {
        "open('wb')",
        "path.unlink",
    }
    assert set(changes("path.open('r+b')\nos.replace(a, b)\nimage.save(path)")) >= {
        "open('r+b')",
        "os.replace",
    }
