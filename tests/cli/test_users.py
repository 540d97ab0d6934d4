"""Accounts, from the command line."""

import os
import pty
import subprocess
import sys

from core.actions.release import ROOT
from core.actions.users import authenticate
from core.queries.users import user_by_email


def test_an_operator_is_made_with_the_password_given(bazaar, db):
    done = bazaar("user", "create", "Ada@Example.com", "--password", "correct horse battery", "--operator")

    user = authenticate(db, email="ada@example.com", password="correct horse battery")
    assert user is not None
    assert user.is_operator
    assert done.data["id"] == str(user.id)
    assert "password" not in done.data


def test_a_password_is_made_and_shown_once_when_nobody_can_be_asked(bazaar, db):
    done = bazaar("user", "create", "ada@example.com")

    assert authenticate(db, email="ada@example.com", password=done.data["password"]) is not None


def test_a_person_at_a_terminal_is_asked_for_the_password_twice(bazaar, db):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "user", "create", "ada@example.com"],
        env=bazaar.env,
        cwd=ROOT,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        start_new_session=True,  # no terminal but the one handed over
    )
    os.close(theirs)
    seen = b""
    for prompt in (b"Password", b"Repeat"):
        while prompt not in seen:
            seen += os.read(ours, 1024)
        os.write(ours, b"correct horse battery\n")

    out, _ = process.communicate(timeout=60)

    os.close(ours)
    assert process.returncode == 0
    assert b"correct horse battery" not in out + seen
    assert authenticate(db, email="ada@example.com", password="correct horse battery") is not None


def test_an_unusable_password_or_taken_address_makes_no_account(bazaar, db, make):
    make.user(email="taken@example.com")

    short = bazaar("user", "create", "ada@example.com", "--password", "short")
    empty = bazaar("user", "create", "ada@example.com", "--password", "")
    taken = bazaar("user", "create", "taken@example.com", "--password", "correct horse battery")

    assert [done.code for done in (short, empty, taken)] == [1, 1, 1]
    assert "12 to 200 characters" in short.message
    assert "already has an account" in taken.message
    assert db.scalar(user_by_email("ada@example.com")) is None


def test_an_account_is_made_although_the_queue_is_away(bazaar):
    done = bazaar(
        "user",
        "create",
        "ada@example.com",
        "--password",
        "correct horse battery",
        REDIS_URL="redis://127.0.0.1:1/0",
    )

    assert (done.code, done.data["email"]) == (0, "ada@example.com")
    assert "job_not_queued" in done.err


def test_the_newest_accounts_are_listed_with_their_balances(bazaar, make):
    make.user(email="old@example.com", credits_usd="1.5")
    make.user(email="new@example.com")

    done = bazaar("user", "list", "--limit", "1")
    shown = bazaar.say("user", "list")

    assert [user["email"] for user in done.data["users"]] == ["new@example.com"]
    assert [line.split()[0] for line in shown.out.splitlines()] == [
        "EMAIL",
        "new@example.com",
        "old@example.com",
    ]
    assert "$1.50" in shown.out


def test_an_account_is_suspended_and_resumed(bazaar, make):
    make.user(email="ada@example.com")

    done = bazaar("user", "suspend", "ada@example.com")
    suspended = bazaar("user", "list").data["users"][0]["suspended"]
    bazaar("user", "resume", "ada@example.com")

    assert (done.data["suspended"], suspended) == (True, True)
    assert bazaar("user", "list").data["users"][0]["suspended"] is False
