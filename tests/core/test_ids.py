"""Request ids carry their day; keys carry a checksum."""

from datetime import UTC, date, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ids import (
    BASE62,
    EDUCATION_PREFIX,
    KEY_PREFIX,
    created_at,
    day_of,
    digest_key,
    hour_of,
    is_well_formed,
    key_checksum,
    new_key,
    uuid7,
)

MOMENTS = st.integers(0, 4_102_444_800_000)  # up to the year 2100, milliseconds


@given(MOMENTS)
def test_an_id_is_a_version_7_uuid_that_remembers_its_moment(now_ms):
    made = uuid7(now_ms)

    assert (made.version, made.variant) == (7, RFC_4122)
    assert created_at(made) == datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=now_ms)


@given(MOMENTS, MOMENTS)
def test_a_later_id_sorts_after_an_earlier_one(one, other):
    earlier, later = sorted((one, other))

    assert earlier == later or uuid7(earlier) < uuid7(later)


def test_the_day_of_an_id_changes_at_midnight_utc():
    midnight = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)

    assert day_of(uuid7(midnight - 1)) == date(2025, 12, 31)
    assert day_of(uuid7(midnight)) == date(2026, 1, 1)


def test_the_hour_of_an_id_begins_when_the_clock_strikes():
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    noon_ms = int(noon.timestamp() * 1000)

    assert hour_of(uuid7(noon_ms - 1)) == noon - timedelta(hours=1)
    assert hour_of(uuid7(noon_ms)) == hour_of(uuid7(noon_ms + 3_599_999)) == noon


def test_an_id_without_a_moment_is_of_now():
    before = datetime.now(UTC) - timedelta(milliseconds=1)

    made = uuid7()

    assert before <= created_at(made) <= datetime.now(UTC)
    assert isinstance(made, UUID)


def test_ids_of_one_millisecond_differ():
    assert len({uuid7(1) for _ in range(1000)}) == 1000


@pytest.mark.parametrize("prefix", [KEY_PREFIX, EDUCATION_PREFIX])
def test_a_new_key_has_our_shape_and_a_right_checksum(prefix):
    key = new_key(prefix)

    assert key.startswith(prefix)
    assert len(key) == len(prefix) + 38
    assert set(key.removeprefix(prefix)) <= set(BASE62)
    assert is_well_formed(key)


def test_the_checksum_is_crc_32_in_base_62():
    # CRC-32 of "123456789" is 0xCBF43926 = 3421780262 in every description of it
    value = sum(BASE62.index(c) * 62**i for i, c in enumerate(reversed(key_checksum("123456789"))))

    assert value == 0xCBF43926


def test_every_typo_of_one_character_is_noticed():
    key = new_key()

    for at in range(len(KEY_PREFIX), len(key)):
        for wrong in ("0", "z", "Q"):
            typo = key[:at] + wrong + key[at + 1 :]
            assert typo == key or not is_well_formed(typo)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: "",
        lambda key: key[:-1],
        lambda key: key + "0",
        lambda key: key + "\n",
        lambda key: " " + key,
        lambda key: key.replace("sk-bl-", "sk-xx-"),
        lambda key: key.replace("sk-bl-", "SK-BL-"),
        lambda key: key[:-7] + "é" + key[-6:],
        lambda key: key[:-7] + "\ud800" + key[-6:],
        lambda key: "sk-bl-" + "0" * 1_000_000,
    ],
)
def test_what_is_not_a_key_is_told_without_a_look_up(spoil):
    assert not is_well_formed(spoil(new_key()))


@given(st.text())
def test_no_text_makes_the_check_fail(text):
    assert is_well_formed(text) in {True, False}


def test_a_digest_depends_on_the_whole_key_and_on_the_pepper():
    key = new_key()

    digests = {
        digest_key(key, b"p" * 32),
        digest_key(key, b"q" * 32),
        digest_key(key[:-1] + "_", b"p" * 32),
    }

    assert len(digests) == 3
    assert {len(digest) for digest in digests} == {32}
    assert digest_key(key, b"p" * 32) in digests
