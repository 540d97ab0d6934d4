"""What one start will run on: ports, secrets, and the settings every process is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dev.errors import StartError
from dev.files import read_json, write_json
from dev.places import place
from dev.ports import LOOPBACK, free_port, is_free
from dev.postgres import Postgres
from dev.programs import Program
from dev.secret_store import secrets_of
from dev.valkey import Valkey

# The settings that point to services; each one set in the environment replaces what we would start.
SERVED = ("postgres", "valkey", "mailbox", "simulator", "web")
SECRETS = ("SECRET_KEY", "KEY_PEPPER", "PROVIDER_SECRET")


@dataclass(frozen=True, slots=True)
class Plan:
    """One start."""

    state: Path
    port: int
    ports: Mapping[str, int]
    secrets: Mapping[str, str] = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)
    postgres: Postgres | None = None
    valkey: Valkey | None = None

    @property
    def base_url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def mailbox_dir(self) -> Path | None:
        return None if "SMTP_URL" in self.environ else self.state / "mailbox"

    def url(self, name: str) -> str:
        return f"http://{LOOPBACK}:{self.ports[name]}"

    @property
    def settings(self) -> dict[str, str]:
        """What the product is told. What the environment sets wins."""
        environ = self.environ
        return {
            "DATABASE_URL": self.postgres.url if self.postgres else environ["DATABASE_URL"],
            "REDIS_URL": self.valkey.url if self.valkey else environ["REDIS_URL"],
            "SMTP_URL": environ.get("SMTP_URL", f"smtp://{LOOPBACK}:{self.ports['mailbox']}"),
            "MAIL_FROM": environ.get("MAIL_FROM", "bazaarlink@localhost"),
            "LOG_LEVEL": environ.get("LOG_LEVEL", "info"),
            "PUBLIC_URL": self.base_url,
            "PORTAL_URL": self.url("web"),
            "PROXY_HOST": LOOPBACK,
            "PROXY_PORT": str(self.port),
            "DRAIN_S": environ.get("DRAIN_S", "3"),  # a stop is over within ten seconds
            "SPOOL_DIR": environ.get("SPOOL_DIR", str(self.state / "spool")),
            "SIMULATOR_URL": self.url("simulator"),
            **{name: environ.get(name, self.secrets[name]) for name in SECRETS},
        }

    @property
    def env(self) -> dict[str, str]:
        """The whole environment of a process of the product: provider keys and the like are passed on."""
        return {**self.environ, **self.settings, "PYTHONUNBUFFERED": "1"}

    def stores(self) -> list[Program]:
        """Prepare and return the databases that are ours to run."""
        ours = [service for service in (self.postgres, self.valkey) if service]
        for service in ours:
            service.prepare()
        return [service.program() for service in ours]


def plan(state: Path, *, port: int, environ: Mapping[str, str]) -> Plan:
    """Settle everything before anything starts. Raises StartError when the port is taken."""
    if not is_free(port):
        raise StartError(f"Port {port} is in use or not allowed. Stop what uses it, or give another --port.")
    secrets, ports = secrets_of(state), settled_ports(state, taken=port)
    postgres = valkey = None
    if "DATABASE_URL" not in environ:
        password = secrets["DATABASE_PASSWORD"]
        postgres = Postgres(place(state, "postgres"), port=ports["postgres"], password=password, durable=True)
    if "REDIS_URL" not in environ:
        password = secrets["VALKEY_PASSWORD"]
        valkey = Valkey(place(state, "valkey"), port=ports["valkey"], password=password, durable=True)
    return Plan(state, port, ports, secrets, environ, postgres, valkey)


def settled_ports(state: Path, *, taken: int) -> dict[str, int]:
    """Return a port per service: the one it had, as long as that is free."""
    path = state / "ports.json"
    kept: dict[str, int] = read_json(path)
    ports: dict[str, int] = {}
    for name in SERVED:
        old = kept.get(name)
        usable = old is not None and old != taken and is_free(old)
        ports[name] = old if old is not None and usable else free_port(taken=(taken, *ports.values()))
    if ports != kept:
        write_json(path, ports)
    return ports
