"""A Valkey of our own: run in the foreground, reached on the loopback address with a password."""

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.binaries import valkey_server
from dev.places import Place, temporary_place
from dev.ports import LOOPBACK, free_port
from dev.postgres import environment
from dev.programs import Layer, Program
from dev.spawn import running_alone


class Valkey:
    """One server. `durable=False` is for tests: it writes nothing to disk."""

    def __init__(self, home: Place, *, port: int, password: str, durable: bool) -> None:
        self.home, self.port, self.password, self.durable = home, port, password, durable
        self.server = valkey_server(home)
        self.config = home.home / "valkey.conf"

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """The process id by its own account, None when it does not run."""
        found = [line for line in self._ask("INFO server").splitlines() if line.startswith("process_id:")]
        return int(found[0].partition(":")[2]) if found else None

    def prepare(self) -> None:
        """Write its settings: in a file, because a command line is read by everybody."""
        lines = [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f"requirepass {self.password}",
            f"dir {quoted(self.home.home)}",
            'save ""',
            f"appendonly {'yes' if self.durable else 'no'}",
            "appendfsync everysec",
            "maxmemory-policy noeviction",
            "daemonize no",
        ]
        self.config.unlink(missing_ok=True)
        self.config.touch(mode=0o600)
        self.config.write_text("\n".join(lines) + "\n")
        if self.home.account:
            self.home.account.own(self.config)

    def program(self) -> Program:
        uid, gid = self.home.ids
        return Program(
            name="valkey",
            argv=[str(self.server), str(self.config)],
            env=environment(),
            layer=Layer.STORE,
            is_ready=self.is_ready,
            uid=uid,
            gid=gid,
            patience_s=15,  # one that is still going down holds the port for a moment
            quiet=True,
        )

    def is_ready(self) -> bool:
        """Say whether it answers us: while it loads its data it answers with an error instead."""
        return "+PONG" in self._ask("PING")

    def _ask(self, command: str) -> str:
        request = f"AUTH {self.password}\r\n{command}\r\nQUIT\r\n"
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as link:
                link.sendall(request.encode())
                return b"".join(iter(lambda: link.recv(4096), b"")).decode()
        except OSError:
            return ""


def quoted(path: Path) -> str:
    """Return the path as a word of Valkey's settings file."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@contextmanager
def temporary_valkey(*, durable: bool = False) -> Iterator[Valkey]:
    """Run an empty server for a block of code: about a tenth of a second. Unless durable, it forgets."""
    with temporary_place("valkey") as home:
        server = Valkey(home, port=free_port(), password=secrets.token_urlsafe(16), durable=durable)
        server.prepare()
        with running_alone(server.program(), timeout_s=30):
            yield server
