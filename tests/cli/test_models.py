"""Models and offers, from the command line."""

from decimal import Decimal

import pytest

from core.queries.catalog import offer_facts, version

PRICES = ("--input", "0.15", "--output", "0.60")


def add(bazaar, *words, provider="acme", model="acme/tiny"):
    return bazaar(
        "model", "add", model, "--provider", provider, "--upstream-model", "tiny-1", *PRICES, *words
    )


def test_a_model_is_added_with_its_prices(bazaar, make):
    make.provider()

    done = add(
        bazaar,
        *("--cached-read", "0.03", "--reasoning", "0.9"),
        *("--context", "8192", "--max-output", "1024", "--image-tokens", "258"),
    )

    assert done.code == 0
    [model] = bazaar("model", "list").data["models"]
    assert (model["id"], model["context"], model["max_output"]) == ("acme/tiny", 8192, 1024)
    assert model["image_tokens"] == 258
    assert model["offers"][0]["prices"] == {
        "input": Decimal("0.15"),
        "output": Decimal("0.6"),
        "cached_read": Decimal("0.03"),
        "reasoning": Decimal("0.9"),
    }


def test_a_model_is_for_chat_unless_it_is_said_to_be_for_something_else(bazaar, make):
    make.provider()

    add(bazaar)
    add(bazaar, "--mode", "embedding", model="acme/vectors")
    add(bazaar, model="acme/vectors")  # another price; it stays what it was

    modes = {model["id"]: model["mode"] for model in bazaar("model", "list").data["models"]}
    assert modes == {"acme/tiny": "chat", "acme/vectors": "embedding"}


def test_another_provider_adds_an_offer_and_the_same_one_replaces_its_own(bazaar, make):
    make.provider("acme")
    make.provider("other")

    for provider in ("acme", "other", "acme"):
        assert add(bazaar, provider=provider).code == 0

    [model] = bazaar("model", "list").data["models"]
    assert [offer["provider"] for offer in model["offers"]] == ["acme", "other"]


def test_models_are_found_by_a_part_of_their_id(bazaar, make):
    make.provider()
    make.offer("acme/tiny")
    make.offer("acme/huge_1")

    found = bazaar("model", "list", "--filter", "E_1").data["models"]
    lines = bazaar.say("model", "list").out.splitlines()

    assert [model["id"] for model in found] == ["acme/huge_1"]
    assert lines[2].split() == ["acme/tiny", "8,192", "acme", "$0.15", "$0.60", "on"]
    assert bazaar.say("model", "list", "--filter", "%").out == "No models.\n"


def test_switching_a_model_or_an_offer_off_takes_it_out_of_what_can_be_called(bazaar, db, make):
    make.provider()
    make.offer()

    counts, versions = [], []
    for words in (
        ("disable", "acme/tiny"),
        ("enable", "acme/tiny"),
        ("disable", "acme/tiny", "--provider", "acme"),
        ("enable", "acme/tiny", "--provider", "acme"),
    ):
        assert bazaar("model", *words).code == 0
        db.rollback()
        counts.append(len(db.execute(offer_facts()).all()))
        versions.append(db.scalar(version()))

    assert counts == [0, 1, 0, 1]
    assert versions == sorted(set(versions))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--input", "free"), "input price"),
        (("--output", "-1"), "output price"),
        (("--cached-read", "nan"), "cached_read price"),
        (("--context", "0"), "context"),
        (("--context", "1e400"), "not a valid integer"),
        (("--provider", "nowhere"), "no provider named nowhere"),
    ],
)
def test_an_unusable_field_adds_no_model(bazaar, make, words, says):
    make.provider()

    done = add(bazaar, *words)

    assert done.code == 1
    assert says in done.message
    assert bazaar("model", "list").data["models"] == []


def test_what_is_not_offered_is_named(bazaar, make):
    make.provider()
    make.offer()

    model = bazaar("model", "disable", "acme/none")
    offer = bazaar("model", "disable", "acme/tiny", "--provider", "none")

    assert (model.code, model.message) == (1, "There is no model acme/none. See bazaar model list.")
    assert (offer.code, offer.message) == (1, "none does not offer acme/tiny. See bazaar model list.")
