from uuid import UUID

from core.links import read_verification, verification_token

USER = UUID("0190a7c4-0000-7000-8000-000000000001")


def test_a_link_names_the_account_and_the_address_it_was_made_for():
    token = verification_token(USER, "ada@example.com", secret="s")

    assert read_verification(token, secret="s") == (USER, "ada@example.com")


def test_a_link_that_was_changed_or_signed_by_others_names_nobody():
    token = verification_token(USER, "ada@example.com", secret="s")

    assert read_verification(token + "x", secret="s") is None
    assert read_verification("x" + token, secret="s") is None
    assert read_verification(token, secret="another") is None
    assert read_verification("", secret="s") is None


def test_a_link_goes_out_of_date(monkeypatch):
    token = verification_token(USER, "ada@example.com", secret="s")
    # the library takes the time from nowhere else
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: 4_000_000_000)

    assert read_verification(token, secret="s") is None
