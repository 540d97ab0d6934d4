"""Where a server is and how to sign in, read from a URL."""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

from proxy.store.wire import command

PORT = 6379


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int
    path: str | None = None  # of a UNIX socket, which then takes the place of host and port
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    db: int = 0
    tls: ssl.SSLContext | None = None

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Read redis://, rediss:// or unix://, with the options `db`, `ssl_ca_certs` and `ssl_cert_reqs`.

        What other options a URL may carry is meant for redis-py, and passed over.
        """
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        path = unquote(parts.path) if parts.scheme == "unix" else None
        in_path = "" if path else parts.path.strip("/")
        return cls(
            host=parts.hostname or "localhost",
            port=parts.port or PORT,
            path=path,
            username=unquote(parts.username or "") or None,
            password=unquote(parts.password or "") or None,
            db=int(options.get("db") or in_path or 0),
            tls=tls_context(options) if parts.scheme == "rediss" else None,
        )

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"

    def at(self, host: str, port: int) -> Self:
        """The address of another server of the same cluster, with the same way in."""
        return replace(self, host=host, port=port, path=None)

    def sign_in(self) -> Iterator[bytes]:
        """What a connection says first."""
        if self.password is not None:
            yield command("AUTH", *([self.username] if self.username else []), self.password)
        if self.db:
            yield command("SELECT", self.db)


def tls_context(options: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
    if options.get("ssl_cert_reqs") == "none":  # hosted services with certificates nobody signed
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
