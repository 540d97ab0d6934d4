"""The official OpenAI SDK for Python, pointed at the relay by base_url alone."""

import asyncio
import json

import pytest

from core.money import usd
from simulator.vectors import unit_vector

pytestmark = [pytest.mark.clients, pytest.mark.timeout(400)]

CALL = """
import json, sys
from openai import OpenAI

client = OpenAI(base_url=sys.argv[1], api_key=sys.argv[2], max_retries=0)
ask = dict(model="acme/tiny", messages=[{"role": "user", "content": "Say hello."}], max_tokens=20)
plain = client.chat.completions.create(**ask)
usage = None
pieces = []
for chunk in client.chat.completions.create(**ask, stream=True):
    usage = chunk.usage or usage
    pieces += [choice.delta.content or "" for choice in chunk.choices]
print(json.dumps({
    "plain": plain.choices[0].message.content, "plain_cost": plain.usage.cost,
    "streamed": "".join(pieces), "streamed_cost": usage.cost,
    "models": [model.id for model in client.models.list()],
}))
"""

OTHERS = """
import json, sys
from openai import OpenAI

client = OpenAI(base_url=sys.argv[1], api_key=sys.argv[2], max_retries=0)
told = {}
for model in ("acme/old", "acme/tiny"):
    ask = dict(model=model, prompt="Once upon", max_tokens=12)
    plain = client.completions.create(**ask)
    usage, pieces = None, []
    for chunk in client.completions.create(**ask, stream=True):
        usage = chunk.usage or usage
        pieces += [choice.text for choice in chunk.choices]
    told[model] = [plain.object, plain.choices[0].text == "".join(pieces) != "", plain.usage.cost, usage.cost]
for model in ("acme/vectors", "google/vectors"):
    ask = dict(model=model, input=["Hello", "Good morning"], dimensions=8)
    packed = client.embeddings.create(**ask)  # which is what the SDK asks for by itself
    plain = client.embeddings.create(**ask, encoding_format="float")
    told[model] = [
        [[round(number, 6) for number in row.embedding] for row in packed.data],
        [[round(number, 6) for number in row.embedding] for row in plain.data],
        packed.usage.prompt_tokens, packed.usage.cost, plain.usage.cost,
    ]
print(json.dumps(told))
"""

REFUSED = """
import sys
import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key=sys.argv[2], max_retries=0)
try:
    client.chat.completions.create(model="acme/tiny", messages=[{"role": "user", "content": "hi"}])
except openai.APIStatusError as error:
    print(type(error).__name__, error.status_code, error.body["message"])
"""


async def finished(process):
    """What a script wrote, once it ended well."""
    out, err = await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == 0, err
    return out


@pytest.mark.parametrize("prefix", ["/api/v1", "/v1"])
async def test_both_kinds_of_call_and_the_list_of_models(
    openai_python, run_script, relay, caller, books, prefix
):
    told = json.loads(await finished(run_script(openai_python, CALL, relay.url + prefix, caller.secret)))

    assert told["plain"]
    assert told["streamed"] == told["plain"]
    assert told["models"] == ["acme/tiny"]
    charges = [usd(event.charge_n) for event in books.events()]
    assert [float(charge) for charge in charges] == [told["plain_cost"], told["streamed_cost"]]


async def test_older_completions_and_embeddings(
    openai_python, run_script, relay, caller, books, make, simulator
):
    make.provider("google", kind="gemini", base_url=simulator.gemini_base)
    make.offer("acme/old", mode="completion")
    make.offer("acme/vectors", mode="embedding")
    make.offer("google/vectors", provider="google", mode="embedding")
    await relay.deps.catalog.refresh()

    told = json.loads(await finished(run_script(openai_python, OTHERS, relay.url + "/v1", caller.secret)))

    vectors = [[round(number, 6) for number in unit_vector(text, 8)] for text in ("Hello", "Good morning")]
    charges = [float(usd(event.charge_n)) for event in books.events()]
    assert told["acme/old"] == ["text_completion", True, *charges[:2]]
    assert told["acme/tiny"] == ["text_completion", True, *charges[2:4]]
    assert told["acme/vectors"] == [vectors, vectors, 5, *charges[4:6]]
    assert told["google/vectors"] == [vectors, vectors, 5, *charges[6:]]


async def test_a_wrong_key_is_the_sdks_authentication_error(openai_python, run_script, relay):
    out = await finished(run_script(openai_python, REFUSED, relay.url + "/v1", "sk-bl-wrong"))

    assert out.strip() == "AuthenticationError 401 Invalid or disabled API key."


async def test_an_empty_wallet_is_a_402_with_words(openai_python, run_script, relay, make):
    key = make.key(make.user())

    out = await finished(run_script(openai_python, REFUSED, relay.url + "/v1", make.secrets[key.id]))

    assert out.strip() == "APIStatusError 402 Insufficient credits. Please top up to continue."
