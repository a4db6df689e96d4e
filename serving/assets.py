"""Stylesheet, script and icon, each under an address that holds its hash, so that browsers keep it for good."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, Self

from fastapi import APIRouter, Request
from fastapi.responses import Response

from serving.problem import NotYoursError

HTMX_SHA256: Final = "491955cd1810747d7d7b9ccb936400afb760e06d25d53e4572b64b6563b2784e"
"""Of the htmx 2.0.3 that this application was tried with; another one is not served unseen."""

_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


@dataclass(frozen=True)
class Asset:
    """A static file.

    Attributes:
        path: Its address below `/static/`, with the hash.
        media_type: What it is.
        body: As it is.
        packed: The same, gzipped.
    """

    path: str
    media_type: str
    body: bytes
    packed: bytes

    @classmethod
    def of(cls, name: str, body: bytes) -> Self:
        """Makes one of a file's content."""
        stem, suffix = name.rsplit(".", 1)
        digest = hashlib.sha256(body).hexdigest()[:12]
        return cls(f"{stem}.{digest}.{suffix}", _TYPES[suffix], body, gzip.compress(body, 9, mtime=0))


@dataclass(frozen=True)
class Assets:
    """All static files, by name and by address."""

    by_name: Mapping[str, Asset]
    by_path: Mapping[str, Asset]

    @classmethod
    def load(cls) -> Self:
        """Reads them from the packages they are shipped in."""
        static = files("serving") / "static"
        own = [file for file in static.iterdir() if file.name.rpartition(".")[2] in _TYPES]
        assets = {file.name: Asset.of(file.name, file.read_bytes()) for file in own}
        assets["htmx.js"] = Asset.of("htmx.js", htmx())
        return cls(assets, {asset.path: asset for asset in assets.values()})

    def url(self, name: str) -> str:
        """The address of a file."""
        return f"/static/{self.by_name[name].path}"


def htmx() -> bytes:
    """The script that the package `django-js-lib-htmx` ships; its Django part is never imported."""
    return (files("js_lib_htmx") / "static" / "htmx" / "htmx.min.js").read_bytes()


router = APIRouter(include_in_schema=False)


@router.get("/static/{path}")
async def static_file(request: Request, path: str) -> Response:
    """A static file; the address changes with its content."""
    assets: Assets = request.app.state.assets
    asset = assets.by_path.get(path)
    if asset is None:
        raise NotYoursError
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        return Response(asset.packed, media_type=asset.media_type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(asset.body, media_type=asset.media_type, headers=headers)
