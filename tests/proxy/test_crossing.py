"""What a call becomes for each offer, and which offers can be told it at all."""

import json
from uuid import UUID

import pytest

from core.errors import BadRequest
from core.rules.prices import PriceCard
from proxy.catalog import Offer, Provider, Snapshot
from proxy.chat_call import ChatCall
from proxy.crossing import Bound, Crossing, bound_of
from proxy.formats.completions.call import CompletionsCall
from proxy.formats.embeddings.call import EmbeddingsCall
from proxy.formats.messages.call import MessagesCall
from proxy.large_bodies import LargeBodies
from proxy.plan import plan_chat
from proxy.ways import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES
from tests.proxy.test_meter import RATES, model

BOUND = Bound(100, "max_tokens", is_news=True)


def offer(kind="openai", mode="chat", base_url="http://x/v1"):
    provider = Provider(UUID(int=hash((kind, base_url)) % 2**64), kind, kind, base_url, True, "k")
    return Offer(provider, "theirs", PriceCard("card", RATES), mode)


def crossing(way, read, **fields):
    return Crossing(way, read(json.dumps({"model": "acme/tiny", **fields}).encode()), LargeBodies())


def chat(**fields):
    return crossing(CHAT, ChatCall.parse, messages=[{"role": "user", "content": "Hi"}], **fields)


def plan_of(made, *offers, mode="chat", **fields):
    of = model(mode=mode, offers=offers, **fields)
    return plan_chat(made.call, Snapshot(1, {of.id: of}), output_cap=131_072, slice_tokens=2048)


async def test_where_format_and_dialect_are_the_same_fields_stay_as_they_came():
    path, body = await chat(temperature=1.0, odd=[1]).outgoing(offer(), BOUND)

    assert path == "/chat/completions"
    assert b'"temperature":1.0' in body
    assert json.loads(body).items() >= {"model": "theirs", "odd": [1], "max_tokens": 100}.items()


@pytest.mark.parametrize(
    ("kind", "path"), [("anthropic", "/messages"), ("gemini", "/models/theirs:generateContent")]
)
async def test_elsewhere_the_call_is_written_in_the_dialect_and_once(kind, path):
    made = chat()
    to = offer(kind)

    assert (await made.outgoing(to, BOUND)).path == path
    assert await made.outgoing(to, BOUND) is await made.outgoing(to, BOUND)


async def test_a_call_that_wants_no_thoughts_is_passed_on_like_others():
    made = chat(reasoning={"effort": "low", "exclude": True}, n=2, odd=[5])

    sent = json.loads((await made.outgoing(offer(), BOUND)).body)

    assert (sent["reasoning"], sent["n"], sent["odd"]) == ({"effort": "low", "exclude": True}, 2, [5])


async def test_only_offers_that_can_be_told_stay_in_the_plan():
    made = chat(logit_bias={"5": 1})
    native, foreign = offer(), offer("gemini")

    assert (await made.only_sayable(plan_of(made, foreign, native))).offers == (native,)
    with pytest.raises(BadRequest) as refused:
        await made.only_sayable(plan_of(made, foreign))
    assert refused.value.param == "logit_bias"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"response_format": {"type": "text"}}, "response_format"),  # of another format: as it came
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000, "stop_sequences": list("abcdef")},
         "stop_sequences"),  # five at most, there: by the name it has in this format
    ],
)  # fmt: skip
async def test_what_cannot_be_said_goes_by_the_name_the_client_knows(fields, named):
    said = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100, **fields}
    made = crossing(MESSAGES, MessagesCall.parse, **said)

    with pytest.raises(BadRequest) as refused:
        await made.only_sayable(plan_of(made, offer("gemini")))

    assert refused.value.param == named


@pytest.mark.parametrize(("mode", "path"), [("completion", "/completions"), ("chat", "/chat/completions")])
async def test_the_mode_of_the_model_says_whether_a_prompt_passes_or_is_converted(mode, path):
    made = crossing(COMPLETIONS, CompletionsCall.parse, prompt="Once")

    sent = await made.outgoing(offer(mode=mode), BOUND)

    assert sent.path == path
    assert ("prompt" in json.loads(sent.body)) == (mode == "completion")


async def test_embeddings_go_to_those_that_have_them():
    made = crossing(EMBEDDINGS, EmbeddingsCall.parse, input="Hello")
    openai, gemini, anthropic = (offer(kind, "embedding") for kind in ("openai", "gemini", "anthropic"))

    assert (await made.outgoing(openai, BOUND)).path == "/embeddings"
    assert (await made.outgoing(gemini, BOUND)).path == "/models/theirs:batchEmbedContents"
    plan = plan_of(made, openai, gemini, anthropic, mode="embedding")
    assert (await made.only_sayable(plan)).offers == (openai, gemini)
    with pytest.raises(BadRequest) as refused:
        await made.outgoing(anthropic, BOUND)
    assert refused.value.param == "model"


async def test_what_only_one_provider_takes_goes_to_that_one():
    made = crossing(EMBEDDINGS, EmbeddingsCall.parse, input=[1, 2, 3])
    openai, gemini = offer("openai", "embedding"), offer("gemini", "embedding")

    assert (await made.only_sayable(plan_of(made, gemini, openai, mode="embedding"))).offers == (openai,)


@pytest.mark.parametrize(
    ("asked", "output", "is_news"),
    [(100, 100, False), (100, 50, True), (None, 4096, False), (None, 50, True)],
)
def test_a_bound_is_news_unless_client_or_model_set_it_already(asked, output, is_news):
    made = chat(**({"max_tokens": asked} if asked else {}))
    plan = plan_of(made, offer(), max_output=4096)

    assert bound_of(made.call, plan, output) == Bound(output, "max_tokens", is_news=is_news)
