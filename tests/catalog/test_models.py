"""The committed catalogue itself."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices import Usage, calc_price

from catalog.build import FOLDER, catalogue
from catalog.genai_prices_check import compare
from catalog.image_tokens import image_tokens
from catalog.rules import faults

TEXT = Path(FOLDER, "models.json").read_text(encoding="utf-8")
CATALOGUE = json.loads(TEXT)
MODELS = {model["id"]: model for model in CATALOGUE["models"]}
FIELDS = [
    "id", "name", "provider", "upstream_model", "mode", "context", "max_output", "image_tokens",
    "input_modalities",
    "output_modalities", "supported_parameters", "premium", "prices", "tiers", "source", "as_of",
]  # fmt: skip


def test_the_catalogue_breaks_no_rule():
    assert faults(CATALOGUE["models"]) == []


def test_the_file_is_what_the_script_writes():
    as_of = date.fromisoformat(CATALOGUE["as_of"])

    text = catalogue(CATALOGUE["models"], as_of=as_of, sources=CATALOGUE["sources"])

    assert text == TEXT


def test_there_are_hundreds_of_models_with_every_field():
    assert len(MODELS) >= 300
    assert all(list(model) == FIELDS for model in MODELS.values())


def test_only_models_that_take_images_have_tokens_for_them():
    stated = {name: model for name, model in MODELS.items() if model["image_tokens"] is not None}

    assert len(stated) > 50
    assert all("image" in model["input_modalities"] for model in stated.values())
    assert all(model["image_tokens"] == image_tokens(name) for name, model in stated.items())


def test_models_are_sorted_and_their_providers_are_there():
    providers = {provider["name"] for provider in CATALOGUE["providers"]}

    assert list(MODELS) == sorted(MODELS)
    assert {model["provider"] for model in MODELS.values()} == providers


def test_every_row_carries_its_source_and_date():
    names = {source["name"] for source in CATALOGUE["sources"]}

    assert all(model["source"] in names and model["as_of"] == CATALOGUE["as_of"] for model in MODELS.values())


def test_prices_are_strings_so_that_no_reader_makes_floats_of_them():
    tables = [table["prices"] for model in MODELS.values() for table in [model, *model["tiers"]]]

    assert all(
        isinstance(price, str) and str(Decimal(price)) for prices in tables for price in prices.values()
    )


@pytest.mark.parametrize(
    "model_id",
    [
        "openai/gpt-4.1", "openai/gpt-4o", "openai/gpt-4o-audio-preview", "openai/whisper-1", "openai/gpt-4o-transcribe",
        "openai/gpt-4o-mini-tts", "openai/gpt-4o-mini-tts-2025-12-15", "openai/tts-1", "openai/tts-1-hd",
        "anthropic/claude-sonnet-4.6", "anthropic/claude-haiku-4.5", "anthropic/claude-opus-4.6", "google/gemini-2.5-flash",
        "google/gemini-2.5-flash-image", "mistralai/voxtral-mini-tts-2603", "mistralai/mistral-ocr-latest", "alibaba/wan-2.7",
        "bytedance/seedance-2.0", "bytedance/seedance-2.0-fast",
    ],
)  # fmt: skip
def test_models_that_the_documentation_names_are_there(model_id):
    assert model_id in MODELS


def test_only_claude_opus_is_premium():
    premium = {model_id for model_id, model in MODELS.items() if model["premium"]}

    assert premium == {model_id for model_id in MODELS if model_id.startswith("anthropic/claude-opus-")}
    assert premium


# input_tokens is the whole input, cached ones among them; the day is a fixed Friday so that the answer stays
USAGES = [
    ("openai/gpt-4.1", {"input": 1200, "output": 340, "cached_read": 500}),
    ("openai/gpt-4o-mini", {"input": 999, "output": 1, "cached_read": 0}),
    ("openai/gpt-5.5", {"input": 300_000, "output": 1000, "cached_read": 1024}),
    ("anthropic/claude-sonnet-4.6", {"input": 4096, "output": 77, "cached_read": 4000}),
    ("google/gemini-2.5-flash", {"input": 1_000_000, "output": 65_536, "cached_read": 123_456}),
    ("google/gemini-2.5-pro", {"input": 200_001, "output": 10, "cached_read": 7}),
]


@pytest.mark.parametrize(("model_id", "usage"), USAGES)
def test_a_charge_from_our_prices_agrees_with_genai_prices(model_id, usage):
    model = MODELS[model_id]
    prices = dict(model["prices"])
    for tier in model["tiers"]:
        prices |= tier["prices"] if usage["input"] > tier["above_input_tokens"] else {}

    plain_input = usage["input"] - usage["cached_read"]
    ours = (
        plain_input * Decimal(prices["input"])
        + usage["cached_read"] * Decimal(prices["cached_read"])
        + usage["output"] * Decimal(prices["output"])
    ) / 1_000_000

    theirs = calc_price(
        Usage(
            input_tokens=usage["input"], cache_read_tokens=usage["cached_read"], output_tokens=usage["output"]
        ),
        model["upstream_model"],
        provider_id=model["provider"],
        genai_request_timestamp=datetime(2026, 11, 20, 8, tzinfo=UTC),
    )
    assert ours == theirs.total_price


def test_two_sources_mostly_agree():
    both, differences = compare(MODELS.values(), as_of=date.fromisoformat(CATALOGUE["as_of"]))

    assert both >= 100
    assert len({difference.model for difference in differences}) * 10 < both
