from decimal import Decimal

import pytest

from catalog.providers import PROVIDERS
from catalog.rows import model_of

OPENAI = PROVIDERS[0]
ROW = {"mode": "chat", "input_cost_per_token": Decimal("2E-6"), "output_cost_per_token": Decimal("8E-6")}


def made(key="gpt-4.1", provider=OPENAI, **fields):
    return model_of(provider, key, ROW | fields, as_of="2026-11-21")


def test_a_row_becomes_one_whole_model():
    model = made(
        max_input_tokens=1047576,
        max_output_tokens=32768,
        supports_vision=True,
        supports_pdf_input=True,
        supports_function_calling=True,
        supports_response_schema=True,
        supported_modalities=["text", "image"],
        supported_output_modalities=["text"],
    )

    assert model == {
        "id": "openai/gpt-4.1",
        "name": "GPT-4.1",
        "provider": "openai",
        "upstream_model": "gpt-4.1",
        "mode": "chat",
        "context": 1047576,
        "max_output": 32768,
        "image_tokens": 3779,
        "input_modalities": ["text", "image", "file"],
        "output_modalities": ["text"],
        "supported_parameters": ["max_tokens", "tools", "response_format", "structured_outputs"],
        "premium": False,
        "prices": {"input": "2", "output": "8"},
        "tiers": [],
        "source": "litellm",
        "as_of": "2026-11-21",
    }


def test_claude_opus_is_premium_and_its_siblings_are_not():
    anthropic = next(provider for provider in PROVIDERS if provider.name == "anthropic")

    premium = {key: made(key, anthropic)["premium"] for key in ("claude-opus-4-6", "claude-sonnet-4-6")}

    assert premium == {"claude-opus-4-6": True, "claude-sonnet-4-6": False}


def test_sound_out_is_listed_only_where_it_has_a_price():
    silent = made(supports_audio_output=True)
    priced = made(supports_audio_output=True, output_cost_per_audio_token=Decimal("8E-5"))

    assert silent["output_modalities"] == ["text"]
    assert priced["output_modalities"] == ["text", "audio"]


@pytest.mark.parametrize(
    ("mode", "sees", "gives"),
    [
        ("audio_transcription", ["audio"], ["text"]),
        ("audio_speech", ["text"], ["audio"]),
        ("video_generation", ["text"], ["video"]),
        ("image_generation", ["text"], ["image"]),
        ("embedding", ["text"], ["embeddings"]),
        ("ocr", ["image", "file"], ["text"]),
    ],
)
def test_the_mode_decides_what_goes_in_and_comes_out(mode, sees, gives):
    model = made(mode=mode)

    assert (model["input_modalities"], model["output_modalities"]) == (sees, gives)
    assert model["supported_parameters"] == []
