"""Generations are numbered by the database, and by nobody else."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core.models import Generation, ProxyBoot


def test_numbers_of_generations_cannot_be_chosen(db):
    with pytest.raises(DBAPIError, match="GENERATED ALWAYS"):
        db.execute(text("INSERT INTO generations (gen, fingerprint, since_ms) VALUES (7, 'x', 0)"))

    db.rollback()


def test_a_later_generation_has_the_higher_number(db):
    lives = [Generation(fingerprint="x", since_ms=2**45) for _ in range(3)]
    for life in lives:
        db.add(life)
        db.flush()

    assert lives[0].gen < lives[1].gen < lives[2].gen
    assert lives[0].since_ms == 2**45


def test_a_boot_has_settled_nothing_until_it_says_so(db, make):
    boot = ProxyBoot(boot_id=make.user().id)
    db.add(boot)
    db.flush()

    db.refresh(boot)
    assert (boot.settled_gen, boot.fingerprint, boot.ended_at) == (0, None, None)
    assert boot.last_seen_at == boot.started_at
