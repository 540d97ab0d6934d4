"""Settings: one frozen object, read from the environment once at start and passed down.

docs/settings.md describes each; a test holds the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Self
from urllib.parse import urlsplit

from core.errors import Refused
from core.money import Nanos, parse_usd, plain_decimal

POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")
REDIS = ("redis", "rediss", "unix")
WEB = ("http", "https")
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
MIN_SECRET_CHARS = 16
MIN_SECRET_BYTES = 32
MAX_WHOLE_DIGITS = 12
A_DAY_S = 86_400


class Misconfigured(Refused):
    """A setting is missing or makes no sense; the process must not start."""

    status, reason = 500, "misconfigured"


@dataclass(frozen=True, slots=True)
class Settings:
    """What differs between installations. Secrets are kept out of every repr."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    counters_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    key_pepper: bytes = field(repr=False)
    provider_secret: bytes = field(repr=False)
    public_url: str
    portal_url: str | None
    proxy_host: str
    proxy_port: int
    smtp_url: str | None = field(repr=False)
    mail_from: str
    log_level: str
    fee_bps: int
    body_limit_bytes: int
    output_cap_tokens: int
    slice_tokens: int
    hold_s: int
    calls_at_once: int
    rpm_free: int
    rpm_paid: int
    spool_dir: str
    redis_down: str
    global_minute_n: int
    global_hourly_n: int
    breaker_status: int
    connect_timeout_s: float
    first_byte_timeout_s: float
    plain_timeout_s: float
    idle_timeout_s: float
    total_timeout_s: float
    keep_alive_s: float
    drain_s: float
    trusted_proxies: int
    metrics_host: str
    ledger_metrics_port: int

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read the settings. Raises Misconfigured naming the variable."""
        read = _Reader(env)
        return cls(
            database_url=read.url("DATABASE_URL", POSTGRES),
            redis_url=read.url("REDIS_URL", REDIS),
            counters_url=read.url("COUNTERS_URL", REDIS, env.get("REDIS_URL")),
            secret_key=read.passphrase("SECRET_KEY"),
            key_pepper=read.secret("KEY_PEPPER"),
            provider_secret=read.secret("PROVIDER_SECRET"),
            public_url=read.url("PUBLIC_URL", WEB, "http://127.0.0.1:8080").rstrip("/"),
            portal_url=read.optional_url("PORTAL_URL", WEB),
            proxy_host=read.text("PROXY_HOST", "127.0.0.1"),
            proxy_port=read.whole("PROXY_PORT", 8080, low=0, high=65_535),
            smtp_url=read.optional_url("SMTP_URL", ("smtp", "smtps")),
            mail_from=read.text("MAIL_FROM", "BazaarLink <no-reply@localhost>"),
            log_level=read.one_of("LOG_LEVEL", LOG_LEVELS, "info"),
            fee_bps=read.percent_bps("TRANSACTION_FEE_PERCENT", "10"),
            body_limit_bytes=read.whole("BODY_LIMIT_BYTES", 10 * 1024 * 1024, low=1024, high=2**30),
            output_cap_tokens=read.whole("OUTPUT_CAP_TOKENS", 131_072, low=1, high=10_000_000),
            slice_tokens=read.whole("SLICE_TOKENS", 2048, low=1, high=1_000_000),
            hold_s=read.whole("HOLD_S", 30, low=5, high=3600),
            calls_at_once=read.whole("CALLS_AT_ONCE", 50, low=1, high=100_000),
            rpm_free=read.whole("RPM_FREE", 20, low=1, high=10_000_000),
            rpm_paid=read.whole("RPM_PAID", 200, low=1, high=10_000_000),
            spool_dir=read.text("SPOOL_DIR", "var/spool"),
            redis_down=read.one_of("REDIS_DOWN", ("refuse", "postgres"), "refuse"),
            global_minute_n=read.usd("GLOBAL_BREAKER_MINUTE_USD", "0"),
            global_hourly_n=read.usd("GLOBAL_BREAKER_HOURLY_USD", "0"),
            breaker_status=int(read.one_of("BREAKER_STATUS", ("429", "503"), "429")),
            connect_timeout_s=read.seconds("CONNECT_TIMEOUT_S", "5"),
            first_byte_timeout_s=read.seconds("FIRST_BYTE_TIMEOUT_S", "60"),
            plain_timeout_s=read.seconds("PLAIN_TIMEOUT_S", "600"),
            idle_timeout_s=read.seconds("IDLE_TIMEOUT_S", "60"),
            total_timeout_s=read.seconds("TOTAL_TIMEOUT_S", "900"),
            keep_alive_s=read.seconds("KEEP_ALIVE_S", "15"),
            drain_s=read.seconds("DRAIN_S", "30"),
            trusted_proxies=read.whole("TRUSTED_PROXIES", 0, low=0, high=10),
            metrics_host=read.text("METRICS_HOST", "127.0.0.1"),
            ledger_metrics_port=read.whole("LEDGER_METRICS_PORT", 0, low=0, high=65_535),
        )


class _Reader:
    """Reads one variable at a time and says which one is wrong."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def text(self, name: str, default: str | None = None) -> str:
        value = self._env.get(name) or default
        if value is None:
            raise Misconfigured(f"{name} is not set; docs/settings.md says what it holds")
        return value

    def one_of(self, name: str, choices: tuple[str, ...], default: str) -> str:
        value = self.text(name, default).lower()
        if value not in choices:
            raise Misconfigured(f"{name} must be one of: {', '.join(choices)}")
        return value

    def url(self, name: str, schemes: tuple[str, ...], default: str | None = None) -> str:
        """A URL of one of these schemes. What it holds may be secret, so it is not repeated."""
        value = self.text(name, default)
        try:
            parts = urlsplit(value)
            place = parts.hostname or (parts.scheme not in WEB and parts.path.strip("/"))  # a socket's path
            fits = parts.scheme in schemes and bool(place) and parts.port != 0
        except ValueError:
            fits = False
        if not fits:
            raise Misconfigured(f"{name} must be a URL that begins with {schemes[0]}://")
        return value

    def optional_url(self, name: str, schemes: tuple[str, ...]) -> str | None:
        return self.url(name, schemes) if self._env.get(name) else None

    def passphrase(self, name: str) -> str:
        value = self.text(name)
        if len(value) < MIN_SECRET_CHARS:
            raise Misconfigured(f"{name} must have at least {MIN_SECRET_CHARS} characters, chosen at random")
        return value

    def whole(self, name: str, default: int, *, low: int, high: int) -> int:
        text = self._env.get(name) or str(default)
        digits = text.isascii() and text.isdigit() and len(text) <= MAX_WHOLE_DIGITS
        if not digits or not low <= int(text) <= high:
            raise Misconfigured(f"{name} must be a whole number from {low} to {high}")
        return int(text)

    def seconds(self, name: str, default: str) -> float:
        value = self._decimal(name, default)
        if not 0 < float(value) <= A_DAY_S:
            raise Misconfigured(f"{name} must be a number of seconds above 0, at most 86400")
        return float(value)

    def percent_bps(self, name: str, default: str) -> int:
        """A percentage as basis points, exact: "10" is 1000, "7.25" is 725."""
        percent = self._decimal(name, default)
        if not 0 <= percent <= 100 or percent != round(percent, 2):  # noqa: PLR2004
            raise Misconfigured(f"{name} must be a percentage from 0 to 100 with at most two decimals")
        return int(percent * 100)

    def usd(self, name: str, default: str) -> int:
        """Dollars as nano-dollars."""
        try:
            amount = parse_usd(self._env.get(name) or default)
        except ValueError:
            amount = Nanos(-1)
        if amount < 0:
            raise Misconfigured(f"{name} must be an amount in dollars from 0 to 9,000,000")
        return amount

    def secret(self, name: str) -> bytes:
        """At least 32 bytes, written in hexadecimal."""
        try:
            value = bytes.fromhex(self.text(name))
        except ValueError:
            raise Misconfigured(f"{name} must be written in hexadecimal") from None
        if len(value) < MIN_SECRET_BYTES:
            raise Misconfigured(f"{name} must hold at least 32 bytes (64 hexadecimal digits)")
        return value

    def _decimal(self, name: str, default: str) -> Decimal:
        try:
            return plain_decimal(self._env.get(name) or default)
        except ValueError:
            raise Misconfigured(f"{name} must be a number") from None
