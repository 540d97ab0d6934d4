"""Finding the account a command is about."""

import pytest

from cli.people import the_user
from core.errors import BadRequest, NotFound


def test_an_account_is_found_however_its_address_is_written(db, make):
    user = make.user(email="ada@example.com")

    assert the_user(db, " Ada@Example.com ").id == user.id


def test_an_address_nobody_has_is_named(db):
    with pytest.raises(NotFound, match=r"nobody@example\.com"):
        the_user(db, "nobody@example.com")


def test_what_is_no_address_is_refused(db):
    with pytest.raises(BadRequest):
        the_user(db, "ada")
