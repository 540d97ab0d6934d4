"""The scripts as they are, but for one thing: what time it is they are told by the test."""

from core.counters.script import Script

NAMES = (
    "admit",
    "settle",
    "checkpoint",
    "extend",
    "grant",
    "recall",
    "bump",
    "load",
    "due",
    "trim",
    "global",
)
TIME, TIME_IS = "redis.call('TIME')", "redis.call('MGET', 'clock:s', 'clock:us')"


def on_test_time(script: Script) -> Script:
    assert script.source.count(TIME) == 1
    return Script.of(script.name, script.source.replace(TIME, TIME_IS))


SCRIPTS = {name: on_test_time(Script.load(name)) for name in NAMES}


def clock_at(us: int) -> dict[str, int]:
    """The keys that say that it is so many microseconds past 1970."""
    seconds, micros = divmod(us, 1_000_000)
    return {"clock:s": seconds, "clock:us": micros}
