"""A PostgreSQL of our own: made once in its place, run in the foreground, reached on the loopback address."""

import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

from dev.binaries import postgres_bin
from dev.errors import StartError
from dev.places import Place, in_memory, temporary_place
from dev.ports import LOOPBACK, free_port
from dev.programs import Layer, Program
from dev.spawn import running_alone
from dev.tether import tethered

NAME = "bazaarlink"  # of the role and of the database
INITDB_S = 120
# A sign-in that was given up halfway would hold up the end of its database for a minute.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "authentication_timeout=10s")
CHEAP_SIGN_IN = ("--set", "scram_iterations=1")  # five times as quick: tests connect thousands of times
COMMON = ("max_connections=200", "unix_socket_directories=", "timezone=UTC", "max_wal_size=256MB")


class Postgres:
    """One server. `durable=False` is for tests: it may lose everything at a power cut."""

    def __init__(self, home: Place, *, port: int, password: str, durable: bool) -> None:
        self.home, self.port, self.password, self.durable = home, port, password, durable
        self.bin = postgres_bin(home)
        self.data = home.home / "data"

    @property
    def url(self) -> str:
        return f"postgresql://{NAME}:{self.password}@{LOOPBACK}:{self.port}/{NAME}"

    @property
    def pid(self) -> int | None:
        """The process id by its own account, None when it does not run."""
        try:
            return int((self.data / "postmaster.pid").read_text().split()[0])
        except (FileNotFoundError, IndexError):
            return None

    def prepare(self) -> None:
        """Make the data directory if there is none; end what a killed start left behind."""
        if not (self.data / "PG_VERSION").exists():
            self._make()
        clear_stale_lock(self.data)

    def program(self) -> Program:
        durability = () if self.durable else FAST
        options = (*COMMON, f"listen_addresses={LOOPBACK}", f"port={self.port}", *durability)
        flags = [word for option in options for word in ("-c", option)]
        uid, gid = self.home.ids
        return Program(
            name="postgres",
            argv=[str(self.bin / "postgres"), "-D", str(self.data), *flags],
            env=environment(),
            layer=Layer.STORE,
            is_ready=self.is_ready,
            stop_signal=signal.SIGINT,  # fast: open transactions are rolled back, not waited for
            orphan_signal=signal.SIGINT if self.durable else signal.SIGQUIT,
            uid=uid,
            gid=gid,
            patience_s=15,  # a server that is still going down holds the directory for a moment
            quiet=True,
        )

    def is_ready(self) -> bool:
        """Say whether it takes sign-ins: while it starts or recovers it answers with an error instead."""
        body = struct.pack("!I", 196608) + f"user\0{NAME}\0database\0{NAME}\0\0".encode()
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as link:
                link.sendall(struct.pack("!I", len(body) + 4) + body)
                return link.recv(1) == b"R"
        except OSError:
            return False

    def _make(self) -> None:
        """Run initdb beside the final place and rename, so that a start cut short leaves no half of it."""
        half = self.home.home / "data-half"
        if half.exists():
            shutil.rmtree(half)
        key = self.home.home / "initdb-password"
        key.touch(mode=0o600)
        key.write_text(self.password + "\n")
        if self.home.account:
            self.home.account.own(key)
        quick = () if self.durable else ("--no-sync", *CHEAP_SIGN_IN)
        try:
            self._run("initdb", "-D", str(half), "-U", NAME, "--auth=scram-sha-256", f"--pwfile={key}",
                      "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions", *quick)  # fmt: skip
        finally:
            key.unlink()
        # Single-user mode needs no running server; the names are ours, so there is nothing to quote.
        self._run("postgres", "--single", "-D", str(half), "postgres", text=f"CREATE DATABASE {NAME};\n")
        half.rename(self.data)

    def _run(self, program: str, *argv: str, text: str = "") -> None:
        uid, gid = self.home.ids
        command = tethered([str(self.bin / program), *argv], signal=signal.SIGKILL, uid=uid, gid=gid)
        done = subprocess.run(
            command, input=text, text=True, capture_output=True, env=environment(), cwd="/",
            check=False, timeout=INITDB_S,
        )  # fmt: skip
        if done.returncode != 0:
            raise StartError(f"{program} failed:\n{(done.stderr or done.stdout)[-2000:]}")


def environment() -> dict[str, str]:
    """Return what the server is told: no PG* variables of ours, no provider keys."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}


def clear_stale_lock(data: Path, *, timeout_s: float = 10) -> None:
    """Remove the pid file of a server that is gone, and end one whose starter is gone.

    The caller holds the state directory, so nobody else runs this data. A pid alone proves nothing: after a
    restart of a container the same number is somebody else, and PostgreSQL would refuse to start for ever.
    But the file also guards the data from two servers at once, and the backends of a killed server outlive it
    for a moment: so it goes only when nothing at all works in the directory. Otherwise PostgreSQL decides.
    """
    lock = data / "postmaster.pid"
    if not lock.exists() or not Path("/proc/self").exists():
        return
    words = lock.read_text().split()
    deadline = time.monotonic() + timeout_s
    pause = Event()
    while (working := at_work(data)) and time.monotonic() < deadline:
        if words and int(words[0]) in working:
            with suppress(ProcessLookupError):
                os.kill(int(words[0]), signal.SIGINT)
        pause.wait(0.05)
    if not working:
        lock.unlink(missing_ok=True)


def at_work(data: Path) -> set[int]:
    """Return the processes of a server of this data: all of them have it as their working directory."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # gone meanwhile, or of another user
            if (process / "cwd").readlink() == data.resolve():
                found.add(int(process.name))
    return found


@contextmanager
def temporary_postgres(*, durable: bool = False) -> Iterator[Postgres]:
    """Run an empty server for a block of code: about a second. Unless durable, it is fast and forgetful.

    In memory a database is cloned in a sixth of the time: it is hundreds of files.
    """
    with temporary_place("postgres", within=None if durable else in_memory()) as home:
        server = Postgres(home, port=free_port(), password=secrets.token_urlsafe(16), durable=durable)
        server.prepare()
        with running_alone(server.program(), timeout_s=30):
            yield server
