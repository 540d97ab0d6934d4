"""The command line as a whole: stories in processes of their own, and how troubles are said."""

import json
import os
import subprocess
import sys
from decimal import Decimal

from sqlalchemy import text

from core.actions.release import ROOT

PASSWORD = "correct horse battery"
PRICES = ("--input", "0.15", "--output", "0.60", "--context", "8192")


def test_an_operator_gets_an_installation_going(bazaar):
    steps = [
        ("migrate",),
        ("user", "create", "ada@example.com", "--password", PASSWORD),
        ("credits", "grant", "ada@example.com", "12.5", "--note", "pilot"),
        ("provider", "add", "acme", "--kind", "openai", "--base-url", "https://api.example.com/v1"),
        ("model", "add", "acme/tiny", "--provider", "acme", "--upstream-model", "tiny", *PRICES),
        ("key", "create", "ada@example.com", "--name", "laptop"),
        ("ledger", "show", "ada@example.com"),
        ("check",),
    ]

    done = [bazaar.process(*step, "--json") for step in steps]

    assert [(step.code, step.err) for step in done] == [(0, "")] * len(steps)
    assert done[5].data["key"].startswith("sk-bl-")
    assert done[6].data["balance_usd"] == Decimal("12.5")
    assert done[7].data["ok"] is True


def test_the_state_of_a_running_installation_replaces_the_environment(bazaar, tmp_path):
    (tmp_path / "settings.json").write_text(json.dumps(bazaar.env))

    before = bazaar.process(
        "--state", tmp_path, "--json", "check", env={"DATABASE_URL": "postgresql://nowhere"}
    )
    after = bazaar.process("check", "--json", "--state", tmp_path, env={})

    assert (before.code, after.code) == (0, 0)
    assert before.out == after.out


def test_a_state_without_settings_is_refused_with_a_sentence(bazaar, tmp_path):
    missing = bazaar("check", "--state", tmp_path)
    (tmp_path / "settings.json").write_text('{"PORT": 8080}')
    wrong = bazaar("check", "--state", tmp_path)

    assert (missing.code, wrong.code) == (1, 1)
    assert "settings.json cannot be read (No such file or directory)" in missing.message
    assert "must be one flat JSON object" in wrong.message


def test_a_missing_setting_is_named(bazaar):
    done = bazaar.process("check", env={})

    assert (done.code, done.out) == (1, "")
    assert done.err == "Error: DATABASE_URL is not set. To talk to a running bin/dev, add: --state var/dev\n"


def test_a_database_that_is_away_is_one_sentence(bazaar):
    done = bazaar.process("check", env={**bazaar.env, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Error: PostgreSQL cannot be used (DATABASE_URL): ")
    assert done.err.count("\n") == 1


def test_a_database_that_was_never_migrated_says_what_to_run(bazaar, engine):
    with engine.begin() as connection:
        connection.execute(text("ALTER SCHEMA public RENAME TO elsewhere"))

    done = bazaar("user", "list")

    with engine.begin() as connection:
        connection.execute(text("ALTER SCHEMA elsewhere RENAME TO public"))
    assert (done.code, done.message) == (
        1,
        "The database has no tables yet. Run the migrate command first.",
    )


def test_refusals_are_json_for_programs_and_a_sentence_for_people(bazaar):
    program = bazaar("credits", "grant", "nobody@example.com", "1", "--note", "x")
    person = bazaar.say("credits", "grant", "nobody@example.com", "1", "--note", "x")

    assert (program.code, program.err) == (1, "")
    assert program.data == {
        "error": {
            "message": "There is no account with the mail address nobody@example.com.",
            "type": "not_found_error",
            "code": 404,
        }
    }
    assert (person.code, person.out) == (1, "")
    assert person.err == "Error: There is no account with the mail address nobody@example.com.\n"


def test_a_command_used_wrongly_says_where_to_look(bazaar):
    done = bazaar("key", "create", "ada@example.com")

    assert done.code == 1
    assert done.message == "Missing option '--name'. See bazaar key create --help."


def test_without_a_command_the_commands_are_listed(bazaar):
    done = bazaar.say()

    assert (done.code, done.err) == (1, "")
    assert done.out.startswith("Usage: bazaar")


def test_a_reader_that_has_seen_enough_is_no_trouble(bazaar):
    ours, theirs = os.pipe()
    os.close(ours)

    done = subprocess.run(
        [sys.executable, "-m", "cli", "check"],
        env=bazaar.env,
        cwd=ROOT,
        stdout=theirs,
        stderr=subprocess.PIPE,
        check=False,
    )

    os.close(theirs)
    assert (done.returncode, done.stderr) == (0, b"")


def test_every_command_explains_itself(bazaar):
    for words in (
        ("user",),
        ("credits", "grant"),
        ("provider", "add"),
        ("model", "add"),
        ("key", "create"),
        (),
    ):
        done = bazaar.say(*words, "--help")

        assert done.code == 0
        assert "Usage: bazaar" in done.out
        assert "--state" in done.out
        assert "--json" in done.out
