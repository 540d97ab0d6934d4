"""Events of a stream are read into what is booked; what makes no sense is set aside, never guessed at."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from core.charging.calls import FINAL, ORPHAN, Entry, final_facts
from core.counters.events import MAX_N, Poisoned, Returned, read
from core.ids import uuid7
from tests.core.counters.desk import FULL, KEY, MEMBER, WALLET, call_of
from tests.core.counters.test_requests import ENDING

NOW = datetime.now(UTC).replace(microsecond=0)
EVENT_ID = f"{int(NOW.timestamp()) * 1000}-7"


def event(**fields):
    base = {
        "key_id": str(KEY),
        "user_id": str(MEMBER),
        "team_id": None,
        "member_id": None,
        "model_id": "acme/tiny",
        "price_card_id": str(UUID(int=9)),
        "stream": True,
        "app_name": "",
        "app_url": "",
        "quotas": [],
    }
    final = json.dumps({**final_facts(ENDING), "points": 3})
    return {
        "r": uuid7().hex,
        "w": WALLET.hex,
        "g": "3:1000",
        "k": "2",
        "a": "30",
        "e": json.dumps(base),
        "f": final,
        **fields,
    }


def test_a_final_event_has_all_of_its_usage_row():
    told = event()

    entry = read(EVENT_ID, told)

    assert isinstance(entry, Entry)
    assert (entry.request_id, entry.wallet_id) == (UUID(told["r"]), WALLET)
    assert (entry.rank, entry.charge_n, entry.gen, entry.points) == (FINAL, 30, 3, 3)
    assert entry.facts["ended_at"] == NOW
    assert (entry.facts["key_id"], entry.facts["model_id"]) == (str(KEY), "acme/tiny")
    assert (entry.facts["input_tokens"], entry.facts["upstream_n"], entry.facts["status"]) == (11, 20, 200)
    assert "points" not in entry.facts


def test_the_model_that_served_a_call_stands_for_the_one_it_named_first():
    final = json.dumps({**final_facts(ENDING), "model_id": "acme/large"})

    assert read(EVENT_ID, event(f=final)).facts["model_id"] == "acme/large"


def test_an_orphan_s_event_says_what_was_metered():
    entry = read(EVENT_ID, event(k="1", f="20|7|60000"))

    assert isinstance(entry, Entry)
    assert (entry.rank, entry.charge_n) == (ORPHAN, 30)
    facts = {
        name: entry.facts[name]
        for name in ("upstream_n", "output_tokens", "duration_ms", "reason", "estimated")
    }
    assert facts == {
        "upstream_n": 20,
        "output_tokens": 7,
        "duration_ms": 60_000,
        "reason": "orphaned",
        "estimated": True,
    }


def test_a_clock_that_stepped_back_makes_no_negative_duration():
    entry = read(EVENT_ID, event(k="1", f="20|7|-5"))

    assert entry.facts["duration_ms"] == 0


def test_what_a_pool_gave_back_is_a_total():
    assert read(EVENT_ID, {"w": WALLET.hex, "g": "3:1000", "k": "return", "a": "80"}) == Returned(
        WALLET, 3, 80
    )


def test_what_scripts_write_is_what_is_read(desk):
    """Ids that are not of our time are not read, so it is now."""
    caller = replace(FULL, quotas=())
    desk.at(NOW.timestamp() * 1000)
    desk.load(caller)
    desk.grant(100)
    call = call_of(caller, at_ms=desk.now_ms)
    assert desk.admit(call)[0] == "OK"
    desk.checkpoint(call, charge=4, upstream=3, tokens=2)
    desk.wait(60_000)
    desk.sweep(call)
    desk.recall(5)

    (swept_id, swept), (returned_id, returned) = (
        (event_id.decode(), {name.decode(): value.decode() for name, value in fields.items()})
        for event_id, fields in desk.redis.xrange(desk.keys.bucket.stream)
    )
    entry = read(swept_id, swept)
    assert (entry.request_id, entry.charge_n, entry.rank, entry.gen) == (call.request_id, 4, ORPHAN, 3)
    assert entry.facts["key_id"] == str(KEY)
    assert (entry.facts["upstream_n"], entry.facts["output_tokens"]) == (3, 2)
    assert read(returned_id, returned) == Returned(WALLET, 3, 5)


OLD, AHEAD = (uuid7(int((NOW + timedelta(days=days)).timestamp() * 1000)).hex for days in (-401, 3))


@pytest.mark.parametrize(
    "wrong",
    [
        {"r": "no id"}, {"r": OLD}, {"r": AHEAD}, {"w": ""}, {"w": "x" * 32}, {"g": ""}, {"g": "x:1"}, {"k": "0"},
        {"k": "3"}, {"k": ""}, {"a": "-1"}, {"a": "1.5"}, {"a": "nan"}, {"a": "1e3"}, {"a": ""}, {"a": str(MAX_N + 1)},
        {"a": "٣"}, {"e": "{"}, {"e": "[]"}, {"e": "{}"}, {"f": "{}"}, {"f": ""}, {"k": "1", "f": ""},
        {"k": "1", "f": "1|2"}, {"k": "1", "f": "-1|2|3"}, {"k": "1", "f": "1|x|3"},
        {"f": json.dumps({**final_facts(ENDING), "input_tokens": -1})},
        {"f": json.dumps({**final_facts(ENDING), "upstream_n": "5"})},
    ],
    ids="-".join,  # which fields: some of their values are new each time
)  # fmt: skip
def test_what_makes_no_sense_is_poison(wrong):
    with pytest.raises(Poisoned):
        read(EVENT_ID, event(**wrong))


@pytest.mark.parametrize("missing", ["r", "w", "g", "k", "a", "e", "f"])
def test_an_event_without_all_its_fields_is_poison(missing):
    fields = event()
    del fields[missing]

    with pytest.raises(Poisoned, match="KeyError"):
        read(EVENT_ID, fields)


def test_an_event_of_no_time_is_poison():
    for event_id in ("", "x-1", f"{2**63}-0"):
        with pytest.raises(Poisoned):
            read(event_id, event())


def test_the_largest_amount_is_read():
    assert read(EVENT_ID, event(a=str(MAX_N))).charge_n == MAX_N
