"""Settings: each bad value stops the start and names its variable; secrets stay out of sight."""

from dataclasses import FrozenInstanceError

import pytest

from core.config import Misconfigured, Settings

GOOD = {
    "DATABASE_URL": "postgresql://gw:hunter2@127.0.0.1/bazaar",
    "REDIS_URL": "redis://:swordfish@127.0.0.1:6379/0",
    "SECRET_KEY": "open sesame, says Ali",
    "KEY_PEPPER": "5a" * 32,
    "PROVIDER_SECRET": "a5" * 32,
}


def test_the_defaults_are_what_the_documentation_says():
    settings = Settings.from_env(GOOD)

    assert settings.key_pepper == b"\x5a" * 32
    assert settings.provider_secret == b"\xa5" * 32
    assert (settings.proxy_host, settings.proxy_port) == ("127.0.0.1", 8080)
    assert (settings.fee_bps, settings.body_limit_bytes, settings.slice_tokens) == (1000, 10_485_760, 2048)
    assert (settings.portal_url, settings.smtp_url) == (None, None)
    assert settings.log_level == "info"
    assert (settings.calls_at_once, settings.rpm_free, settings.rpm_paid) == (50, 20, 200)
    assert (settings.global_minute_n, settings.global_hourly_n, settings.breaker_status) == (0, 0, 429)
    assert settings.spool_dir == "var/spool"
    assert settings.counters_url == GOOD["REDIS_URL"]


@pytest.mark.parametrize("name", sorted(GOOD))
@pytest.mark.parametrize("value", [None, ""])
def test_what_has_no_default_must_be_set(name, value):
    env = {**GOOD, name: value} if value is not None else {k: v for k, v in GOOD.items() if k != name}

    with pytest.raises(Misconfigured, match=f"{name} is not set"):
        Settings.from_env(env)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://x/y"),
        ("DATABASE_URL", "bazaar"),
        ("DATABASE_URL", "postgresql://"),
        ("REDIS_URL", "http://127.0.0.1"),
        ("REDIS_URL", "redis://[::1"),
        ("SECRET_KEY", "short"),
        ("KEY_PEPPER", "not hexadecimal"),
        ("KEY_PEPPER", "5a" * 31),
        ("PROVIDER_SECRET", "a5" * 31),
        ("PROVIDER_SECRET", "zz" * 32),
        ("PUBLIC_URL", "gateway.example.com"),
        ("PUBLIC_URL", "http://"),
        ("PUBLIC_URL", "http:///path"),
        ("PUBLIC_URL", "https://example.com:99999"),
        ("PORTAL_URL", "ftp://example.com"),
        ("SMTP_URL", "http://127.0.0.1:25"),
        ("SMTP_URL", "smtp://127.0.0.1:mail"),
        ("LOG_LEVEL", "verbose"),
        ("PROXY_PORT", "65536"),
        ("PROXY_PORT", "-1"),
        ("PROXY_PORT", "8080.0"),
        ("PROXY_PORT", "٣"),
        ("PROXY_PORT", "9" * 5000),
        ("BODY_LIMIT_BYTES", "1023"),
        ("BODY_LIMIT_BYTES", "10MB"),
        ("OUTPUT_CAP_TOKENS", "0"),
        ("SLICE_TOKENS", "0"),
        ("SLICE_TOKENS", "1000001"),
        ("COUNTERS_URL", "http://127.0.0.1"),
        ("CALLS_AT_ONCE", "0"),
        ("CALLS_AT_ONCE", "100001"),
        ("RPM_FREE", "0"),
        ("RPM_PAID", "-1"),
        ("RPM_PAID", "200.5"),
        ("GLOBAL_BREAKER_MINUTE_USD", "-1"),
        ("GLOBAL_BREAKER_MINUTE_USD", "-0.000000001"),
        ("GLOBAL_BREAKER_MINUTE_USD", "0.0000000001"),
        ("GLOBAL_BREAKER_HOURLY_USD", "9000000.01"),
        ("GLOBAL_BREAKER_HOURLY_USD", "NaN"),
        ("GLOBAL_BREAKER_HOURLY_USD", "ten"),
        ("BREAKER_STATUS", "500"),
        ("HOLD_S", "4"),
        ("HOLD_S", "3601"),
        ("TRUSTED_PROXIES", "11"),
        ("TRANSACTION_FEE_PERCENT", "-1"),
        ("TRANSACTION_FEE_PERCENT", "100.01"),
        ("TRANSACTION_FEE_PERCENT", "7.255"),
        ("TRANSACTION_FEE_PERCENT", "NaN"),
        ("TRANSACTION_FEE_PERCENT", "1e1000000"),
        ("TRANSACTION_FEE_PERCENT", "ten"),
        ("CONNECT_TIMEOUT_S", "0"),
        ("CONNECT_TIMEOUT_S", "-1"),
        ("FIRST_BYTE_TIMEOUT_S", "Infinity"),
        ("IDLE_TIMEOUT_S", "86401"),
        ("TOTAL_TIMEOUT_S", "a while"),
        ("TOTAL_TIMEOUT_S", "1e999999999"),
        ("KEEP_ALIVE_S", "1e-400"),
        ("DRAIN_S", "nan"),
    ],
)
def test_a_bad_value_names_its_variable_and_is_not_repeated(name, value):
    with pytest.raises(Misconfigured) as refusal:
        Settings.from_env({**GOOD, name: value})

    assert str(refusal.value).startswith(f"{name} must ")
    assert len(value) < 8 or value not in str(refusal.value).replace("://", "")


@pytest.mark.parametrize(
    ("name", "value", "field", "read"),
    [
        ("DATABASE_URL", "postgres:///bazaar?host=/run/postgresql", "database_url", None),
        ("REDIS_URL", "unix:///run/valkey.sock", "redis_url", None),
        ("PUBLIC_URL", "https://gateway.example.com/", "public_url", "https://gateway.example.com"),
        ("PROXY_PORT", "0", "proxy_port", 0),
        ("TRANSACTION_FEE_PERCENT", "7.25", "fee_bps", 725),
        ("TRANSACTION_FEE_PERCENT", "0", "fee_bps", 0),
        ("TRANSACTION_FEE_PERCENT", "100", "fee_bps", 10_000),
        ("IDLE_TIMEOUT_S", "0.5", "idle_timeout_s", 0.5),
        ("COUNTERS_URL", "redis://10.0.0.7:7000", "counters_url", None),
        ("CALLS_AT_ONCE", "1", "calls_at_once", 1),
        ("GLOBAL_BREAKER_MINUTE_USD", "12.5", "global_minute_n", 12_500_000_000),
        ("GLOBAL_BREAKER_HOURLY_USD", "0", "global_hourly_n", 0),
        ("GLOBAL_BREAKER_HOURLY_USD", "9000000", "global_hourly_n", 9_000_000 * 10**9),
        ("BREAKER_STATUS", "503", "breaker_status", 503),
        ("SPOOL_DIR", "/var/lib/bazaarlink/spool", "spool_dir", None),
        ("LOG_LEVEL", "WARNING", "log_level", "warning"),
        ("KEY_PEPPER", "ab" * 40, "key_pepper", b"\xab" * 40),
        ("SMTP_URL", "", "smtp_url", ""),
    ],
)
def test_good_values_are_read_exactly(name, value, field, read):
    settings = Settings.from_env({**GOOD, name: value})

    assert getattr(settings, field) == (value if read is None else read or None if read == "" else read)


def test_no_secret_is_in_a_repr():
    more = {"SMTP_URL": "smtp://me:mailword@127.0.0.1:25", "COUNTERS_URL": "redis://:cuttlefish@10.0.0.7"}
    settings = Settings.from_env(GOOD | more)

    shown = f"{settings!r} {settings}"

    for secret in ("hunter2", "swordfish", "cuttlefish", "sesame", "5a5a", "a5a5", "ZZZZ", "mailword"):
        assert secret not in shown


def test_settings_do_not_change():
    settings = Settings.from_env(GOOD)

    with pytest.raises(FrozenInstanceError):
        settings.fee_bps = 0
