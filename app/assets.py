"""Style, script and pictures: read once at start, served under a fingerprint, so that browsers keep them."""

import hashlib
import importlib.resources
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, Response, abort, request, url_for
from flask.typing import ResponseReturnValue

from app.access import public

FOR_GOOD = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Assets:
    """Every file a page may load, by name, and one fingerprint over all of them."""

    files: dict[str, bytes]
    fingerprint: str

    @classmethod
    def read(cls, folder: Path) -> "Assets":
        """Read our own files, and htmx out of the package that carries it."""
        own = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        package = importlib.resources.files("js_lib_htmx")
        files = own | {"htmx.js": package.joinpath("static/htmx/htmx.min.js").read_bytes()}
        digest = hashlib.sha256()
        for name, body in sorted(files.items()):
            digest.update(f"{name} {len(body)}\n".encode())
            digest.update(body)
        return cls(files=files, fingerprint=digest.hexdigest()[:12])


def install(app: Flask, folder: Path) -> None:
    assets = Assets.read(folder)

    def asset(name: str) -> str:
        """The address of a file, for templates; a name that does not exist is a mistake of ours."""
        if name not in assets.files:
            raise LookupError(f"no such asset: {name}")
        return url_for("asset", fingerprint=assets.fingerprint, name=name)

    @app.get("/static/<fingerprint>/<path:name>", endpoint="asset")
    @public
    def serve(fingerprint: str, name: str) -> ResponseReturnValue:
        body = assets.files.get(name)
        if body is None:
            abort(404)
        response = Response(body, mimetype=mimetypes.guess_type(name)[0] or "application/octet-stream")
        # A page of an older release may still ask for its own fingerprint: it gets today's file, uncached.
        response.headers["Cache-Control"] = FOR_GOOD if fingerprint == assets.fingerprint else "no-cache"
        response.set_etag(assets.fingerprint)
        return response.make_conditional(request)

    app.jinja_env.globals["asset"] = asset
