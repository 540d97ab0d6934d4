"""Zero retention: no word of a call, and no secret, is found anywhere after it."""

import asyncio
import base64
import json
import signal
from collections import Counter

import aiohttp
import redis
from sqlalchemy import select, text

from core.models import Model
from tests.proxy.conftest import ask, until
from tests.proxy.pdf.documents import as_file, pdf
from tests.proxy.pdf.readers import offer_reader
from tests.proxy.test_ways import BASES, PATHS


async def test_no_word_of_a_call_is_written_anywhere(
    start_process, tiny, make, caller, books, redis_url, simulator
):
    canary = "kanarienvogel"
    directives = [
        "",
        "cut",
        "hang_mid",
        "malformed=json",
        "malformed=utf8",
        "status=500",
        "status=400",
        "status=401",
        "usage=string",
    ]
    names = []
    for number, directive in enumerate(directives):
        make.offer(f"acme/c{number}", upstream_model=f"tiny+echo+{directive}".rstrip("+"))
        names.append(f"acme/c{number}")
    offer_reader(make, base_url=simulator.api_base)
    process = await start_process(IDLE_TIMEOUT_S="0.5").ready()
    echoed = f"{canary} " * 6
    tool = {
        "type": "function",
        "function": {"name": canary, "description": canary, "parameters": {"type": "object"}},
    }
    scanned = [{"id": "file-parser", "pdf": {"engine": "mistral-ocr"}}]
    said = [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"x": canary})}}
    ]
    bodies = [ask(name, echoed, stream=stream, user=canary) for name in names for stream in (False, True)]
    bodies += [
        ask("acme/" + canary * 30, canary),
        ask("acme/c0", canary, max_tokens=canary),
        ask("acme/c0", canary, stream=True, debug={"echo_upstream_body": True}),
        ask("acme/c0", canary, tools=[tool], tool_choice="required", stream=True),
        {
            "model": "acme/c0",
            "messages": [
                {"role": "assistant", "content": None, "tool_calls": said},
                {"role": "user", "content": canary},
            ],
        },
        {"model": "acme/c0", "messages": canary},
        ask("acme/c0", [as_file(pdf(canary), name=canary)]),
        ask("acme/c0", [as_file(pdf(canary)[:200], name=canary)]),
        ask("acme/c0", [as_file(pdf(canary, password=canary))]),
        ask("acme/c0", [as_file(pdf(canary), name=canary)], plugins=scanned),
        ask("acme/c0", [as_file(pdf(canary)[:200], name=canary)], plugins=scanned),
    ]
    poor = make.secrets[make.key(make.user()).id]
    seen = ""

    async with aiohttp.ClientSession() as session:
        for secret, body in [
            *((caller.secret, body) for body in bodies),
            (poor, bodies[0]),
            ("sk-bl-" + canary, bodies[0]),
        ]:
            headers = {"Authorization": f"Bearer {secret}"}
            async with session.post(
                process.url + "/v1/chat/completions", json=body, headers=headers
            ) as response:
                seen += (await response.read()).decode(errors="replace")
        broken = json.dumps(bodies[0])[:-3].encode()
        async with session.post(
            process.url + "/v1/chat/completions",
            data=broken,
            headers={"Authorization": f"Bearer {caller.secret}"},
        ):
            pass
    await until(lambda: any(row.status == 402 for row in books.events()))
    process.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(process.process.wait, 30)

    assert canary in seen  # the answers did carry it
    written = all_written(process, redis_url, books)
    assert len(written["usage_events"]) > 100
    for secret in (canary, caller.secret, "upstream-secret"):
        assert [place for place, found in written.items() if secret in found] == []


CANARY = "kanarienvogel"
B64 = base64.b64encode(CANARY.encode() * 3).decode()  # of a file
SCHEMA = {"type": "object", "properties": {CANARY: {"type": "string", "const": CANARY}}, "required": [CANARY]}
BEHAVIOURS = (
    *("echo", "reasoning=9+echo", "cut+echo", "hang_mid+echo", "error_mid+echo", "malformed=json+echo"),
    *("malformed=utf8+echo", "malformed=truncated+echo", "status=400", "status=401", "usage=string+echo"),
)
ARGUMENTS = json.dumps({CANARY: CANARY})
CHAT = {
    "messages": [
        {"role": "system", "content": CANARY},
        {"role": "user", "content": [{"type": "text", "text": CANARY}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{B64}"}}]},
        {"role": "assistant", "content": CANARY, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": ARGUMENTS}}]},
        {"role": "tool", "tool_call_id": "c1", "content": CANARY},
        {"role": "user", "content": f"{CANARY} " * 6},
    ],
    "user": CANARY,
}  # fmt: skip
MESSAGES = {
    "system": CANARY,
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": CANARY}, {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": B64}}]},
        {"role": "assistant", "content": [{"type": "text", "text": CANARY}, {"type": "tool_use", "id": "c1", "name": "look", "input": {CANARY: CANARY}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": CANARY}, {"type": "text", "text": f"{CANARY} " * 6}]},
    ],
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "max_tokens": 2000,
    "metadata": {"user_id": CANARY},
}  # fmt: skip
RESPONSES = {
    "instructions": CANARY,
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": CANARY}, {"type": "input_file", "filename": f"{CANARY}.pdf", "file_data": f"data:application/pdf;base64,{B64}"}]},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": ARGUMENTS},
        {"type": "function_call_output", "call_id": "c1", "output": CANARY},
        {"role": "user", "content": f"{CANARY} " * 6},
    ],
    "reasoning": {"effort": "low", "summary": "auto"},
    "metadata": {CANARY: CANARY},
    "user": CANARY,
}  # fmt: skip
SAID = {"chat": CHAT, "messages": MESSAGES, "responses": RESPONSES}
# What is wrong with a call, or cannot be said to another provider: a refusal must not repeat it in a log.
WRONG = [
    {"temperature": CANARY},
    {"tools": [{"type": CANARY, "name": CANARY}]},
    {"tool_choice": CANARY},
    {CANARY: CANARY},
    {"logit_bias": {CANARY: 1}},
    {"messages": [{"role": CANARY, "content": CANARY}], "input": [{"role": CANARY, "content": CANARY}]},
    {
        "messages": [{"role": "user", "content": [{"type": CANARY, CANARY: CANARY}]}],
        "input": [{"type": CANARY}],
    },
    {"messages": CANARY, "input": {CANARY: CANARY}},
    {"response_format": {"type": CANARY}, "text": {"format": {"type": CANARY}}},
    {"debug": {"echo_upstream_body": True}},
]
FUNCTION = {"name": CANARY, "description": CANARY}
TOOLS = {
    "chat": {"tools": [{"type": "function", "function": {**FUNCTION, "parameters": SCHEMA}}], "tool_choice": "required"},
    "messages": {"tools": [{**FUNCTION, "input_schema": SCHEMA}], "tool_choice": {"type": "any"}, "thinking": None},
    "responses": {"tools": [{"type": "function", **FUNCTION, "parameters": SCHEMA}], "tool_choice": "required"},
}  # fmt: skip


async def test_no_word_is_written_in_whatever_format_it_came_and_went(
    start_process, make, caller, books, redis_url, simulator
):
    for kind, base in BASES.items():
        make.provider(kind, kind=kind, base_url=simulator.url + base)
        for number, behaviour in enumerate(BEHAVIOURS):
            make.offer(
                f"acme/{kind}{number}", provider=kind, upstream_model=f"tiny+{behaviour}", context=100_000
            )
    for model in make.db.scalars(select(Model)):
        model.input_modalities = ["text", "image", "file"]  # what is sent is for them, not for us to read
    make.db.commit()
    process = await start_process(IDLE_TIMEOUT_S="0.5", RPM_FREE="100000", RPM_PAID="100000").ready()
    bodies = [
        (path, json.dumps({"model": f"acme/{kind}{number}", **SAID[form], "stream": stream, **more}).encode())
        for form, path in PATHS.items()
        for kind in BASES
        for stream in (False, True)
        for number, more in [
            *((number, {}) for number in range(len(BEHAVIOURS))),
            (0, TOOLS[form]),
            *((0, wrong) for wrong in WRONG),
        ]
    ]
    bodies += [(path, told[:-3]) for path, told in bodies[:: len(bodies) // 9]]
    bodies += [("/v1/cost/estimate", told) for path, told in bodies if path == PATHS["chat"]]
    at_once, statuses, seen = asyncio.Semaphore(16), Counter(), Counter()

    async def send(session, path, told):
        headers = {"Authorization": f"Bearer {caller.secret}"}
        async with at_once, session.post(process.url + path, data=told, headers=headers) as response:
            seen[path] += (await response.read()).decode(errors="replace").count(CANARY)
        statuses[path, response.status] += 1

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(send(session, path, told) for path, told in bodies))
    process.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(process.process.wait, 30)

    assert all(seen[path] > 20 for path in PATHS.values())  # the answers did carry it
    assert all(statuses[path, status] for path in PATHS.values() for status in (200, 400, 502))
    assert {status for _, status in statuses} == {200, 400, 502}
    written = all_written(process, redis_url, books)
    assert len(written["log"]) > 1000
    for secret in (CANARY, B64[:20], caller.secret, "upstream-secret"):
        assert [place for place, found in written.items() if secret in found] == []


def all_written(process, redis_url, books):
    return {"log": process.log.read_text(), "valkey": valkey_text(redis_url), **tables(books.db)}


def tables(db):
    """Every table of the database as text."""
    db.rollback()
    names = db.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
    return {name: "\n".join(db.scalars(text(f'SELECT t::text FROM "{name}" t'))) for name in names}


def valkey_text(url):
    with redis.Redis.from_url(url) as client:
        return "\n".join(f"{key!r} {client.dump(key)!r}" for key in client.scan_iter(count=1000))
