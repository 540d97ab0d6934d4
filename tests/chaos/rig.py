"""The whole product as real processes on ports of their own, a wire to each store, and an auditor at hand."""

import asyncio
import os
import secrets
import shutil
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random

from redis import Redis

from dev.places import temporary_place
from dev.ports import LOOPBACK, free_port
from dev.postgres import Postgres
from dev.valkey import Valkey
from tests.chaos.accounts import PRICE_LIST, Accounts
from tests.chaos.auditor import Cap, Evidence, audit
from tests.chaos.books import Row, read_books
from tests.chaos.client import Seen
from tests.chaos.clocks import Clock
from tests.chaos.processes import Process, python, store
from tests.chaos.truth import read_truth
from tests.chaos.wire import SOUND, Wire

HOLD_S = 5
ENDED_S = HOLD_S + 60  # by then every call has its row, whatever happened
LAG_S = 2.5  # checkpoints come every second; the rest is for a machine that is busy
LOOK_S = 0.25
THE_SAME_TWICE = 2
MOST_TOLD = 20


class Rig:
    """One installation. What it is made of can be killed, frozen and restarted; its wires can be spoiled."""

    def __init__(
        self, directory: Path, *, chance: Random, proxies: int = 2, clock: Clock | None = None
    ) -> None:
        self.directory, self.chance, self.clock = directory, chance, clock or Clock()
        self.processes: list[Process] = []
        self.seen: list[Seen] = []
        self.caps: list[Cap] = []
        self.truth = directory / "truth.jsonl"
        self._stack = ExitStack()
        self._ports: list[int] = []
        self._make_stores()
        self._make_programs(proxies)

    async def start(self) -> None:
        """Start the stores, then the rest."""
        await begin(self.postgres, self.valkey)
        self.accounts = Accounts(self.postgres_service.url, self.environment, today=self.clock.now.date())
        self._stack.callback(self.accounts.close)
        self.accounts.offer_models(self.simulator.port)
        await begin(self.simulator, *self.ledgers, *self.proxies)

    def stop(self) -> None:
        """Take it down in order, and leave nothing."""
        self.heal()
        for process in reversed(self.processes):
            process.stop()
        self._stack.close()

    def heal(self) -> None:
        for wire in (self.redis_wire, self.postgres_wire):
            wire.fault = SOUND

    def findings(self, *, lag_s: float = LAG_S) -> list[str]:
        """What is wrong at this moment: in mid-flight, a lot."""
        dead = [process.last_words() for process in self.processes if process.has_died]
        books, truth = read_books(self.postgres_service.url), read_truth(self.truth)
        evidence = Evidence(
            books=books, truth=truth, prices=PRICE_LIST, seen=self.seen, caps=self.caps, lag_s=lag_s
        )
        return dead + audit(evidence)

    async def findings_at_rest(self, *, lag_s: float = LAG_S, within_s: float = ENDED_S) -> list[str]:
        """What is wrong once all has ended: nothing, twice in a row; or what is still wrong when time is up."""
        clock = asyncio.get_running_loop().time
        deadline, clean = clock() + within_s, 0
        while True:
            findings = await asyncio.to_thread(self.findings, lag_s=lag_s)
            clean = 0 if findings else clean + 1
            if clean == THE_SAME_TWICE or clock() > deadline:
                return findings
            await asyncio.sleep(LOOK_S)

    def usage(self) -> dict[str, Row]:
        """The usage rows at this moment, by request id."""
        return {row["request_id"]: row for row in read_books(self.postgres_service.url).usage}

    def redis(self, service: Valkey | None = None) -> Redis:
        """A connection to a store itself, past the wire; to the one in use unless another is named."""
        return Redis.from_url((service or self.valkey_service).url, socket_timeout=5)

    def forget_redis(self) -> None:
        """Remove what Redis wrote down, while it is not running."""
        shutil.rmtree(self.valkey_service.home.home / "appendonlydir", ignore_errors=True)

    def promote(self, service: Valkey, replica: Process) -> Process:
        """Let a replica take the place of the present Redis, which lives on alone. Returns the old one."""
        old, self.valkey_service, self.valkey = self.valkey, service, replica
        with closing(self.redis()) as redis:
            redis.replicaof("NO", "ONE")
        self.redis_wire.repoint(service.port)
        return old

    def make_valkey(self, name: str) -> tuple[Valkey, Process]:
        """A server with the password of the first, on a port of its own; not started."""
        home = self._stack.enter_context(temporary_place("valkey"))
        service = Valkey(home, port=self._port(), password=self._password, durable=True)
        return service, self._keep(store(service, log=self._log(name), clock=self.clock))

    def make_proxy(self, **env: str) -> Process:
        """Another proxy, on a port of its own; not started."""
        port = self._port()
        return self._python("proxy", port=port, PROXY_PORT=str(port), **env)

    def make_ledger(self, **env: str) -> Process:
        return self._python("worker.ledger", **env)

    def own_redis_wire(self) -> tuple[Wire, str]:
        """A wire to Redis for one process, and the URL that leads over it."""
        wire = Wire(self.valkey_service.port, chance=self.chance)
        self._stack.callback(wire.close)
        return wire, through(self.valkey_service, wire)

    def make_portal(self) -> Process:
        """The portal, where keys are managed; not started."""
        port = self._port()
        size = ("--worker-class", "gthread", "--threads", "4", "--no-control-socket")
        return self._python("gunicorn", "wsgi:app", "--bind", f"{LOOPBACK}:{port}", *size, port=port)

    def _make_stores(self) -> None:
        self._password = secrets.token_urlsafe(16)
        home = self._stack.enter_context(temporary_place("postgres"))
        self.postgres_service = Postgres(home, port=self._port(), password=self._password, durable=True)
        self.postgres = self._keep(store(self.postgres_service, log=self._log("postgres"), clock=self.clock))
        self.valkey_service, self.valkey = self.make_valkey("valkey")
        self.postgres_wire = Wire(self.postgres_service.port, chance=self.chance)
        self.redis_wire = Wire(self.valkey_service.port, chance=self.chance)
        for wire in (self.postgres_wire, self.redis_wire):
            self._stack.callback(wire.close)

    def _make_programs(self, proxies: int) -> None:
        self.environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": through(self.postgres_service, self.postgres_wire),
            "REDIS_URL": through(self.valkey_service, self.redis_wire),
            **{name: secrets.token_hex(32) for name in ("SECRET_KEY", "KEY_PEPPER", "PROVIDER_SECRET")},
            "HOLD_S": str(HOLD_S),
            "DRAIN_S": "3",
            "SPOOL_DIR": str(self.directory / "spool"),
            "PYTHONUNBUFFERED": "1",
        }
        port = self._port()
        argv = ("simulator", "--port", str(port), "--truth-log", str(self.truth))
        self.simulator = self._python(*argv, port=port, path="/healthz")
        self.ledgers = [self.make_ledger()]
        self.proxies = [self.make_proxy() for _ in range(proxies)]

    def _python(self, *argv: str, port: int | None = None, path: str = "/readyz", **env: str) -> Process:
        env, log = {**self.environment, **env}, self._log(argv[0])
        return self._keep(python(argv, env=env, log=log, clock=self.clock, port=port, path=path))

    def _keep(self, process: Process) -> Process:
        self.processes.append(process)
        return process

    def _log(self, name: str) -> Path:
        return self.directory / f"{name}{len(self.processes)}.log"

    def _port(self) -> int:
        self._ports.append(free_port(taken=self._ports))
        return self._ports[-1]


def told(findings: list[str]) -> str:
    """The findings as people can read them."""
    return "\n".join((f"{len(findings)} findings", *findings[:MOST_TOLD]))


async def begin(*processes: Process) -> None:
    """Start them at once, and wait until all answer."""
    for process in processes:
        process.start()
    await asyncio.gather(*(process.ready() for process in processes))


def through(service: Postgres | Valkey, wire: Wire) -> str:
    """The URL of a store with its wire in between."""
    return service.url.replace(f":{service.port}/", f":{wire.port}/")
