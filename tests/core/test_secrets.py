"""Passwords are hashed, credentials sealed; what was tampered with does not open."""

import statistics
import time

import pytest

from core.secrets import hash_password, password_matches, seal, unseal

SECRET, OTHER = b"s" * 32, b"t" * 32


def test_a_password_matches_its_own_hash_only():
    stored = hash_password("correct horse battery")

    assert password_matches(stored, "correct horse battery")
    assert not password_matches(stored, "correct horse batterz")
    assert "correct" not in stored
    assert stored.startswith("$argon2id$")
    assert stored != hash_password("correct horse battery")


def test_nobody_signs_in_as_nobody():
    assert not password_matches(None, "nobody signs in with this")
    assert not password_matches("", "nobody signs in with this")
    assert not password_matches("no hash at all", "x")


def test_having_nothing_to_compare_with_takes_as_long(costly_passwords):
    stored = hash_password("correct horse battery")
    password_matches(None, "the first time makes the hash")

    taken = [(_takes(stored), _takes(None)) for _ in range(5)]  # in turn: the machine may slow down

    with_one, without = map(statistics.median, zip(*taken, strict=True))
    assert 0.5 < without / with_one < 2


def _takes(stored):
    started = time.process_time()
    password_matches(stored, "wrong password")
    return time.process_time() - started


def test_what_was_sealed_opens_with_the_same_secret_and_context():
    sealed = seal(SECRET, "sk-upstream-ü", context="provider:acme")

    assert unseal(SECRET, sealed, context="provider:acme") == "sk-upstream-ü"
    assert b"upstream" not in sealed
    assert sealed != seal(SECRET, "sk-upstream-ü", context="provider:acme")


def test_another_secret_context_or_place_does_not_open_it():
    sealed = seal(SECRET, "sk-upstream", context="provider:acme")

    with pytest.raises(ValueError, match="PROVIDER_SECRET"):
        unseal(OTHER, sealed, context="provider:acme")
    with pytest.raises(ValueError, match="PROVIDER_SECRET"):
        unseal(SECRET, sealed, context="provider:other")


def test_a_changed_or_cut_value_does_not_open():
    sealed = seal(SECRET, "sk-upstream", context="c")

    for at in range(len(sealed)):
        spoilt = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(ValueError):
            unseal(SECRET, spoilt, context="c")
        with pytest.raises(ValueError):
            unseal(SECRET, sealed[:at], context="c")
