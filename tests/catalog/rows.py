"""Rows and models that the catalogue's tests start from."""

import json

CHAT_ROW = {
    "litellm_provider": "openai",
    "mode": "chat",
    "max_input_tokens": 128000,
    "max_output_tokens": 16384,
    "input_cost_per_token": "2.5e-06",
    "output_cost_per_token": "1e-05",
}


def table_text(**rows):
    """Write rows as litellm's file does: prices as bare numbers, in exponent notation."""
    return json.dumps(rows).replace('"2.5e-06"', "2.5e-06").replace('"1e-05"', "1e-05")


def chat_model(**changes):
    return {
        "id": "openai/gpt-4o",
        "name": "GPT-4o",
        "provider": "openai",
        "upstream_model": "gpt-4o",
        "mode": "chat",
        "context": 128000,
        "max_output": 16384,
        "image_tokens": None,
        "input_modalities": ["text"],
        "output_modalities": ["text"],
        "supported_parameters": ["max_tokens"],
        "premium": False,
        "prices": {"input": "2.5", "output": "10"},
        "tiers": [],
        "source": "litellm",
        "as_of": "2026-11-21",
    } | changes
