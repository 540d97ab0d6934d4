import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadRequest, NotFound, Unavailable
from core.rules.admission import Want
from core.rules.prices import Usage, cost_of
from proxy.catalog import Snapshot
from proxy.chat_call import ChatCall
from proxy.formats.embeddings.call import EmbeddingsCall
from proxy.plan import plan_chat
from tests.proxy.test_meter import RATES, model, plan

MEDIA = [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "https://x/y.mp4"}}]}]


def body(**fields):
    return json.dumps(
        {"model": "acme/tiny", "messages": [{"role": "user", "content": "Hello"}], **fields}
    ).encode()


@pytest.mark.parametrize(
    ("fields", "of", "limits", "tokens"),
    [
        ({}, {}, {}, 8192),
        ({"max_tokens": 30}, {}, {}, 30),
        ({"max_tokens": 30, "n": 3}, {}, {}, 90),
        ({"max_tokens": 30_000}, {"max_output": 4096}, {}, 4096),
        ({}, {"max_output": 4096}, {"output_cap": 100}, 100),
        ({}, {"context": None}, {}, 8192),
        ({}, {"context": 10**6}, {"output_cap": 1000}, 1000),
    ],
)
def test_the_output_is_bounded_by_the_least_of_all_limits(fields, of, limits, tokens):
    made = plan(model(**of), body=body(**fields), **limits)

    assert made.output_tokens == tokens


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 8192), st.integers(1, 8), st.booleans(), st.integers(0, 10**8))
def test_what_is_wanted_is_ordered_and_what_is_affordable_fits(most, choices, stream, hold_n):
    made = plan(body=body(max_tokens=most, n=choices, stream=stream))

    want = made.want
    assert want.floor_n <= want.full_n
    assert want.slice_n <= want.full_n
    tokens = made.affordable_tokens(hold_n)
    assert tokens == 0 or made.worst_n(tokens) <= hold_n
    assert tokens == made.output_tokens or made.worst_n(tokens + 1) > hold_n


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300), st.integers(1, 500))
def test_the_hold_covers_every_honest_usage_at_every_offer(content, most):
    cards = (
        RATES,
        {"input": 10**9, "output": 3 * 10**9, "cached_read": 2 * 10**9},
        {"input": 5, "output": 7, "reasoning": 10**10},
    )
    made = plan(
        model(cards=cards), body=body(max_tokens=most, messages=[{"role": "user", "content": content}])
    )

    for offer in made.offers:
        used = Usage(
            input_tokens=made.input.at_most,
            output_tokens=most,
            reasoning_tokens=most // 2,
            cached_tokens=made.input.at_most // 2,
        )
        assert cost_of(used, offer.card, made.model.terms).charge_n <= made.want.full_n


def test_what_is_charged_beside_the_tokens_is_wanted_from_the_start_and_left_out_of_what_they_may_cost():
    call = ChatCall.parse(body(stream=True, models=["acme/large"]))
    known = Snapshot(
        1, {"acme/tiny": model(), "acme/large": model(id="acme/large", cards=({"input": 1, "output": 1},))}
    )

    plain, extra = (
        plan_chat(msgspec.structs.replace(call, extra_n=extra_n), known, output_cap=10_000, slice_tokens=100)
        for extra_n in (0, 5000)
    )

    assert [
        b - a
        for a, b in zip(msgspec.structs.astuple(plain.want), msgspec.structs.astuple(extra.want), strict=True)
    ] == [5000] * 3
    for one, other in zip(plain.models, extra.models, strict=True):
        assert other.worst_n(7) == one.worst_n(7) + 5000
        assert other.affordable_tokens(105_000) == one.affordable_tokens(100_000)


def test_a_call_that_is_measured_later_keeps_what_is_held():
    file = {"type": "file", "file": {"file_id": "x"}}
    bound = plan(body=body(messages=[{"role": "user", "content": [file]}], models=["acme/tiny"]))
    known = ChatCall.parse(body())

    made = bound.measured(known)

    assert bound.input.at_most == 8192
    assert made.input == known.input_size(8192)
    assert made.want == bound.want


@pytest.mark.parametrize(
    ("fields", "of", "refusal"),
    [
        ({"model": "tiny"}, {}, BadRequest),
        ({"model": "acme/unknown"}, {}, NotFound),
        ({}, {"mode": "video"}, BadRequest),
        ({}, {"mode": "embedding"}, BadRequest),
        ({}, {"cards": ()}, Unavailable),
        ({"modalities": ["image"]}, {}, BadRequest),
        ({"modalities": ["x" * 10_000]}, {}, BadRequest),
        ({"messages": MEDIA}, {"context": None}, BadRequest),
    ],
)
def test_what_cannot_be_served_is_refused_with_a_word(fields, of, refusal):
    with pytest.raises(refusal) as refused:
        plan(model(**of), body=body(**fields))

    assert len(refused.value.message) < 400


def test_the_limit_goes_by_the_name_the_client_or_the_model_knows():
    assert plan(body=body(max_completion_tokens=5)).max_tokens_name == "max_completion_tokens"
    assert (
        plan(model(supported_parameters=("max_completion_tokens",))).max_tokens_name
        == "max_completion_tokens"
    )
    assert plan().max_tokens_name == "max_tokens"


def two_models(*, second=None, **fields):
    """The plan of a call of `acme/tiny` that may fall back on `acme/large`, ten times as dear."""
    dear = second or model(
        id="acme/large", context=4096, cards=({"input": 10 * 10**9, "output": 20 * 10**9},)
    )
    asked = json.loads(body(models=["acme/large"], **fields))
    call = ChatCall.parse(json.dumps(asked).encode())
    snapshot = Snapshot(1, {"acme/tiny": model(), dear.id: dear})
    return plan_chat(call, snapshot, output_cap=131_072, slice_tokens=2048)


def test_the_hold_covers_the_dearest_model_a_call_may_fall_back_on():
    cheap, dear = two_models(max_tokens=100).models

    assert cheap.want == dear.want
    # At USD 10 and 20 per million tokens, with the fee of a tenth.
    assert dear.want.full_n == (dear.input.at_most * 10_000 + 100 * 20_000) * 11 // 10
    assert dear.want.full_n == dear.worst_n(100) > cheap.worst_n(100)
    assert cheap.affordable_tokens(cheap.worst_n(50)) == 50


def test_each_model_has_its_own_bounds_and_the_largest_is_what_quotas_are_asked_for():
    cheap, dear = two_models().models

    assert (cheap.output_tokens, dear.output_tokens) == (8192, 4096)
    assert two_models().most_tokens == cheap.input.at_most + 8192


def test_a_model_nobody_serves_is_left_out_where_another_is_named():
    alone = two_models(second=model(id="acme/large", cards=()))

    assert [plan.model.id for plan in alone.models] == ["acme/tiny"]


def test_a_model_no_accepted_provider_serves_is_left_out_where_another_is_named():
    first = two_models(provider={"max_price": {"prompt": 5}})

    assert [plan.model.id for plan in first.models] == ["acme/tiny"]


@pytest.mark.parametrize(
    "provider", [{"only": ["nobody"]}, {"max_price": {"prompt": 0.5}}, {"ignore": ["p0"]}]
)
def test_a_call_nobody_is_accepted_for_is_refused_by_the_field(provider):
    with pytest.raises(BadRequest) as refused:
        plan(body=body(provider=provider))

    assert refused.value.param == "provider"
    assert "acme/tiny" in refused.value.message


@pytest.mark.parametrize(
    ("models", "refusal", "param"),
    [(["large"], BadRequest, "models"), (["acme/unknown"], NotFound, None)],
)
def test_a_fallback_that_is_no_model_is_refused(models, refusal, param):
    with pytest.raises(refusal) as refused:
        plan(body=body(models=models))

    assert getattr(refused.value, "param", None) == param


def test_what_an_answer_is_expected_to_cost():
    made = plan(body=body(n=2))
    short = plan(body=body(max_tokens=7))

    # Whatever the input is taken for at USD 1, and 500 tokens for each of two answers at USD 2 per million.
    assert made.expected_price(made.offers[0]) == made.input.estimate * 10**9 + 1000 * 2 * 10**9
    assert short.expected_price(short.offers[0]) == short.input.estimate * 10**9 + 7 * 2 * 10**9


def test_a_call_without_output_wants_its_input_and_no_less():
    call = EmbeddingsCall.parse(json.dumps({"model": "acme/tiny", "input": "x" * 1000}).encode())
    snapshot = Snapshot(1, {"acme/tiny": model(mode="embedding")})

    made = plan_chat(call, snapshot, output_cap=131_072, slice_tokens=2048)

    # 1,000 bytes of text and 11 of its model, two a token, and 8 tokens: at 1,000 nano-dollars and 10 % fee.
    assert (made.input.at_most, made.output_tokens, made.most_tokens) == (513, 0, 513)
    assert made.want == Want(full_n=564_300, slice_n=564_300, floor_n=564_300)


def test_an_image_is_bounded_by_what_the_model_makes_of_one():
    body = b'{"model": "acme/tiny", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]}'
    unknown = plan(model(context=None), body=body)
    known = plan(model(context=None, image_tokens=258), body=body)

    assert unknown.input.at_most - known.input.at_most == 16_384 - 258
    assert unknown.measured(ChatCall.parse(body)).input == unknown.input
    assert known.measured(ChatCall.parse(body)).input == known.input
