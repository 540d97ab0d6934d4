"""Zero retention: no word of a call, and no secret, is found anywhere after it."""

import asyncio
import json
import signal

import aiohttp
import redis
from sqlalchemy import text

from tests.proxy.conftest import ask, until
from tests.proxy.pdf.documents import as_file, pdf
from tests.proxy.pdf.readers import offer_reader


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
    await asyncio.to_thread(process.process.wait, 10)

    assert canary in seen  # the answers did carry it
    written = {"log": process.log.read_text(), "valkey": valkey_text(redis_url), **tables(books.db)}
    assert len(written["usage_events"]) > 100
    for secret in (canary, caller.secret, "upstream-secret"):
        assert [place for place, found in written.items() if secret in found] == []


def tables(db):
    """Every table of the database as text."""
    db.rollback()
    names = db.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
    return {name: "\n".join(db.scalars(text(f'SELECT t::text FROM "{name}" t'))) for name in names}


def valkey_text(url):
    with redis.Redis.from_url(url) as client:
        return "\n".join(f"{key!r} {client.dump(key)!r}" for key in client.scan_iter(count=1000))
