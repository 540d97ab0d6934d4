"""Switching models, their offers and providers on and off."""

import pytest

from core.actions import models, offers, providers
from core.models import Model
from core.queries.audit import entries
from core.queries.catalog import offer_facts, offer_of, provider_by_name, version

SWITCHES = {
    "model": lambda db, on: models.set_enabled(db, db.get(Model, "acme/tiny"), enabled=on),
    "offer": lambda db, on: offers.set_enabled(db, db.scalar(offer_of("acme/tiny", "acme")), enabled=on),
    "provider": lambda db, on: providers.set_enabled(db, db.scalar(provider_by_name("acme")), enabled=on),
}


@pytest.mark.parametrize("what", SWITCHES)
def test_what_is_switched_off_is_offered_no_more_and_processes_hear_of_it(db, make, what):
    make.provider()
    make.offer()
    before = db.scalar(version())

    SWITCHES[what](db, False)
    db.commit()
    off, told = db.execute(offer_facts()).all(), db.scalar(version())
    SWITCHES[what](db, True)
    db.commit()

    assert off == []
    assert told == before + 1
    assert len(db.execute(offer_facts()).all()) == 1


@pytest.mark.parametrize(
    ("what", "target"), [("model", "acme/tiny"), ("offer", "acme/tiny of acme"), ("provider", "acme")]
)
def test_switching_is_written_down(db, make, what, target):
    make.provider()
    make.offer()

    SWITCHES[what](db, False)
    SWITCHES[what](db, False)

    entry = db.scalars(entries(limit=1)).one()
    assert (entry.action, entry.target_id, entry.actor_kind) == (f"{what}.updated", target, "operator")
    assert (entry.before, entry.after) == ({"enabled": True}, {"enabled": False})


@pytest.mark.parametrize("what", SWITCHES)
def test_switching_to_what_it_is_already_tells_nobody(db, make, what):
    make.provider()
    make.offer()
    before = db.scalar(version())

    SWITCHES[what](db, True)

    assert db.scalar(version()) == before
