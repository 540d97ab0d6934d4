"""An event that cannot be booked is kept once, whole, however often it is found."""

import pytest
from sqlalchemy.exc import IntegrityError

from core.models import QuarantinedEvent


def event(**fields):
    known = {"bucket": 255, "event_id": "1-0", "fields": {"a": "5", "e": "{"}, "amount_n": 5, "error": "odd"}
    return QuarantinedEvent(**known | fields)


def test_it_is_kept_as_it_was(db):
    kept = event()
    db.add(kept)
    db.commit()

    db.refresh(kept)

    assert (kept.fields, kept.amount_n, kept.bucket) == ({"a": "5", "e": "{"}, 5, 255)
    assert kept.at is not None


def test_an_event_is_kept_once(db):
    db.add(event())
    db.commit()
    db.add(event(error="another"))

    with pytest.raises(IntegrityError):
        db.flush()

    db.rollback()


def test_events_of_other_streams_may_have_the_same_id(db):
    db.add_all([event(), event(bucket=0), event(event_id="1-1")])

    db.commit()
