"""Serves the files of `static/` under addresses that change with their content.

All of them share one version, a digest over their content: modules import each other by relative
names, and a page never mixes the files of two versions.
"""

import gzip
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from catalog.web import context

FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}
_COMPRESSED = {".css", ".js", ".json", ".svg", ".txt", ".webmanifest"}
_YEAR = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file, and its gzip form where that is worth while."""

    content: bytes
    packed: bytes | None
    content_type: str


@dataclass(frozen=True, slots=True)
class Assets:
    """All files of a folder, read once."""

    #: By their path below the folder.
    files: dict[str, Asset] = field(default_factory=dict)
    #: Digest over all of them.
    version: str = ""

    def url(self, name: str) -> str:
        """Return the address of a file.

        Raises:
            KeyError: There is no such file.
        """
        if name not in self.files:
            raise KeyError(f"static/{name} does not exist; see catalog/web/static")
        return f"/static/{self.version}/{name}"


def load(folder: Path = FOLDER) -> Assets:
    """Read every file below a folder that has a known type."""
    files: dict[str, Asset] = {}
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in _TYPES and path.is_file():
            name, content = path.relative_to(folder).as_posix(), path.read_bytes()
            packed = gzip.compress(content, mtime=0) if path.suffix in _COMPRESSED else None
            files[name] = Asset(content, packed, _TYPES[path.suffix])
            digest.update(f"{name}\n{len(content)}\n".encode() + content)
    return Assets(files, digest.hexdigest()[:12])


@router.get("/static/{version}/{name:path}")
async def static(request: Request, version: str, name: str) -> Response:
    """Return a file; only under its present version it may be kept for ever."""
    assets = context.of(request).assets
    asset = assets.files.get(name)
    if asset is None:
        raise HTTPException(404, "there is no such file")
    headers = {"Cache-Control": _YEAR if version == assets.version else "no-store"}
    content = asset.content
    if asset.packed is not None:
        headers["Vary"] = "Accept-Encoding"
        if "gzip" in request.headers.get("accept-encoding", ""):
            content, headers["Content-Encoding"] = asset.packed, "gzip"
    return Response(content, media_type=asset.content_type, headers=headers)
