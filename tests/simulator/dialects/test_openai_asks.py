import pytest


async def refusal(caller, **fields):
    async with caller.post(**fields) as response:
        return response.status, (await response.json())["error"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
        ({"model": "x" * 301}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"content": "no role"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"n": 9}, "n"),
        ({"n": 0}, "n"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"stop": [""]}, "stop"),
        ({"tools": [], "tool_choice": "required"}, "tool_choice"),
        ({"tools": [], "tool_choice": {"function": {"name": "none"}}}, "tool_choice"),
    ],
)
async def test_a_wrong_field_is_refused_by_its_name(caller, fields, param):
    status, error = await refusal(caller, **fields)

    assert status == 400
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"model": ' + b"9" * 5000 + b"}"]
)
async def test_a_body_that_is_no_json_object_is_refused(caller, body):
    url = f"{caller.simulator.api_base}/chat/completions"

    async with caller.session.post(url, data=body, headers={"Authorization": "Bearer k"}) as response:
        assert response.status == 400
        assert (await response.json())["error"]["type"] == "invalid_request_error"


async def test_the_newer_limit_wins(caller):
    answer = await caller.ask("tiny+tokens=50", max_tokens=20, max_completion_tokens=10)

    assert answer["usage"]["completion_tokens"] == 10


async def test_parts_are_counted_by_kind(caller):
    parts = [
        {"type": "text", "text": "12345"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/b.png"}},
    ]

    answer = await caller.ask(messages=[{"role": "user", "content": parts}])

    assert answer["usage"]["prompt_tokens"] == 2 + 4 + 2 + 85 + 85


async def test_a_message_without_content_is_counted_as_a_message(caller):
    messages = [{"role": "user", "content": "1234"}, {"role": "assistant", "content": None}]

    answer = await caller.ask(messages=messages)

    assert answer["usage"]["prompt_tokens"] == 2 + (4 + 1) + 4
