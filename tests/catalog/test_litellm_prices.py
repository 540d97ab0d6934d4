from decimal import Decimal

import pytest

from catalog.litellm_prices import PRICE_KEYS, per_million, plain, prices_of, tiers_of
from catalog.sources import read_table


def read(fields):
    return read_table("{" + fields + "}")


# the right column is worked by hand: USD per token times 1,000,000
CASES = [
    (
        "chat",
        '"input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07',
        {"input": "0.15", "output": "0.6"},
    ),
    ("chat", '"input_cost_per_token": 0, "output_cost_per_token": 0.0', {"input": "0", "output": "0"}),
    (
        "chat",
        (
            '"input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05, "cache_read_input_token_cost": 3e-07,'
            '"cache_creation_input_token_cost": 3.75e-06, "cache_creation_input_token_cost_above_1hr": 6e-06'
        ),
        {"input": "3", "output": "15", "cached_read": "0.3", "cache_write": "3.75", "cache_write_1h": "6"},
    ),
    (
        "chat",
        '"input_cost_per_token": 2.8e-07, "output_cost_per_token": 4.2e-07, "input_cost_per_token_cache_hit": 2.8e-08',
        {"input": "0.28", "output": "0.42", "cached_read": "0.028"},
    ),
    (
        "chat",
        (
            '"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05,'
            '"input_cost_per_audio_token": 4e-05, "output_cost_per_audio_token": 8e-05'
        ),
        {"input": "2.5", "output": "10", "input_audio": "40", "output_audio": "80"},
    ),
    (
        "chat",
        '"input_cost_per_token": 4e-07, "output_cost_per_token": 1.2e-06, "output_cost_per_reasoning_token": 4e-06',
        {"input": "0.4", "output": "1.2", "reasoning": "4"},
    ),
    (
        "embedding",
        '"input_cost_per_token": 1.3e-07, "output_cost_per_token": 0',
        {"input": "0.13", "output": "0"},
    ),
    ("speech", '"input_cost_per_character": 1.5e-05', {"character": "15"}),
    (
        "speech",
        '"input_cost_per_token": 6e-07, "output_cost_per_audio_token": 1.2e-05, "output_cost_per_second": 0.00025',
        {"input": "0.6", "output_audio": "12"},
    ),
    (
        "transcription",
        '"input_cost_per_second": 0.0001, "output_cost_per_second": 0.0001',
        {"second_in": "0.0001"},
    ),
    (
        "transcription",
        '"input_cost_per_second": 3.083e-05, "output_cost_per_second": 0.0',
        {"second_in": "0.00003083"},
    ),
    (
        "transcription",
        '"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05, "input_cost_per_second": 0.0001',
        {"input": "2.5", "output": "10"},
    ),
    ("image", '"output_cost_per_image": 0.035', {"image": "0.035"}),
    ("image", '"input_cost_per_image": 0.02', {"image": "0.02"}),
    (
        "image",
        (
            '"input_cost_per_token": 3e-07, "output_cost_per_token": 2.5e-06, "output_cost_per_image": 0.039,'
            '"output_cost_per_image_token": 3e-05, "input_cost_per_image": 0.0011'
        ),
        {"input": "0.3", "output": "2.5", "output_image_tokens": "30"},
    ),
    ("ocr", '"ocr_cost_per_page": 4e-3', {"page": "0.004"}),
    ("video", '"output_cost_per_video_per_second": 0.1', {"video_second": "0.1"}),
    (
        "video",
        '"output_cost_per_second": 0.15, "output_cost_per_second_720p": 0.1, "output_cost_per_second_1080p": 0.15',
        {"video_second": "0.15", "video_second_720p": "0.1", "video_second_1080p": "0.15"},
    ),
    (
        "chat",
        (
            '"search_context_cost_per_query": {"search_context_size_low": 0.01, "search_context_size_medium": 0.01,'
            '"search_context_size_high": 0.01}'
        ),
        {"web_search": "0.01"},
    ),
    (
        "chat",
        (
            '"search_context_cost_per_query": {"search_context_size_low": 0.006, "search_context_size_medium": 0.01,'
            '"search_context_size_high": 0.014}'
        ),
        {"web_search_low": "0.006", "web_search_medium": "0.01", "web_search_high": "0.014"},
    ),
    ("chat", '"litellm_provider": "openai", "input_cost_per_token_batches": 1e-06', {}),
]


@pytest.mark.parametrize(("mode", "fields", "expected"), CASES)
def test_a_row_gives_the_prices_worked_by_hand(mode, fields, expected):
    row = read(fields)

    prices = prices_of(row, mode)

    assert prices == expected


def test_prices_keep_one_order_so_that_diffs_stay_small():
    row = read(
        '"output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1e-06, "input_cost_per_token": 2e-06'
    )

    prices = prices_of(row, "chat")

    assert list(prices) == sorted(prices, key=PRICE_KEYS.index) == ["input", "output", "cached_read"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1.41953125e-07", "0.141953125"),
        ("3.5e-08", "0.035"),
        ("0.0001", "100"),
        ("9.499999999999999e-07", "0.9499999999999999"),
    ],
)
def test_every_digit_of_the_source_survives(written, expected):
    value = read(f'"price": {written}')["price"]

    text = per_million(value)

    assert text == expected


def test_plain_writes_neither_exponents_nor_trailing_zeros():
    values = [Decimal("2E+1"), Decimal("0E-9"), Decimal("1.500"), 3]

    texts = [plain(value) for value in values]

    assert texts == ["20", "0", "1.5", "3"]


def test_a_dearer_price_for_long_inputs_becomes_a_tier():
    row = read(
        '"input_cost_per_token": 1e-07, "output_cost_per_token": 5e-07,'
        '"input_cost_per_token_above_200k_tokens": 2e-07, "output_cost_per_token_above_200k_tokens": 7.5e-07,'
        '"cache_creation_input_token_cost_above_1hr_above_200k_tokens": 4e-07,'
        '"input_cost_per_token_above_200k_tokens_batches": 9'
    )

    tiers = tiers_of(row, prices_of(row, "chat"))

    prices = {"input": "0.2", "output": "0.75", "cache_write_1h": "0.4"}
    assert tiers == [{"above_input_tokens": 200000, "prices": prices}]


def test_stepped_prices_give_a_base_and_rising_tiers():
    row = read(
        '"tiered_pricing": ['
        '{"range": [32000.0, 128000.0], "input_cost_per_token": 2.4e-06, "output_cost_per_token": 1.2e-05},'
        '{"range": [0, 32000.0], "input_cost_per_token": 1.2e-06, "output_cost_per_token": 6e-06},'
        '{"range": [128000.0, 252000.0], "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05}]'
    )

    base = prices_of(row, "chat")
    tiers = tiers_of(row, base)

    assert base == {"input": "1.2", "output": "6"}
    assert tiers == [
        {"above_input_tokens": 32000, "prices": {"input": "2.4", "output": "12"}},
        {"above_input_tokens": 128000, "prices": {"input": "3", "output": "15"}},
    ]


def test_image_tokens_that_cost_what_input_costs_rise_with_it():
    row = read(
        '"input_cost_per_token": 2e-06, "output_cost_per_token": 6e-06, "input_cost_per_image_token": 2e-06,'
        '"input_cost_per_audio_token": 9e-06, "input_cost_per_token_above_200k_tokens": 4e-06'
    )

    [tier] = tiers_of(row, prices_of(row, "chat"))

    assert tier["prices"] == {"input": "4", "input_image_tokens": "4"}
