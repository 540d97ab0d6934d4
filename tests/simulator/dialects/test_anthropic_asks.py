import pytest

from simulator.signatures import sign

TOOLS = [{"name": "weather", "input_schema": {"type": "object"}}]
USER = {"role": "user", "content": "Hello"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": 5}, "model"),
        ({"max_tokens": "-"}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_completion_tokens": 5}, "max_completion_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": [USER, {"role": "model", "content": "x"}]}, "messages.1.role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages.0.content.0.type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content.0.text"),
        ({"system": 5}, "system"),
        ({"stop_sequences": [""]}, "stop_sequences"),
        ({"tools": {}}, "tools"),
        ({"tools": [], "tool_choice": {"type": "any"}}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": {"type": "tool", "name": "other"}}, "tool_choice"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format"),
        ({"thinking": {"type": "loud"}}, "thinking.type"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 100}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 4096}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "adaptive"}, "tools": TOOLS, "tool_choice": {"type": "any"}}, "tool_choice"),
    ],
)
async def test_a_wrong_field_is_refused_by_its_name(anthropic, fields, param):
    status, body = await anthropic.refused(**fields)

    assert (status, body["error"]["type"]) == (400, "invalid_request_error")
    assert body["error"]["message"].startswith(f"{param}: ")


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
async def test_sampling_is_a_matter_of_the_older_version(anthropic, name):
    newer = {"anthropic-version": "2026-10-21"}

    status, body = await anthropic.refused(headers=newer, **{name: 1})

    assert status == 400
    assert body["error"]["message"] == f"{name}: Extra inputs are not permitted."
    assert await anthropic.ask(**{name: 1})


@pytest.mark.parametrize(
    ("role", "block", "param"),
    [
        ("assistant", {"type": "document", "source": {}}, "messages.1.content.0"),
        ("user", {"type": "text", "text": "x", "citations": [{}]}, "messages.1.content.0.citations"),
    ],
)
async def test_documents_and_citations_have_their_side_in_the_newer_version(anthropic, role, block, param):
    messages = [USER, {"role": role, "content": [block]}]

    status, body = await anthropic.refused(headers={"anthropic-version": "2026-10-21"}, messages=messages)

    assert (status, body["error"]["message"].split(": ")[0]) == (400, param)
    assert await anthropic.ask(messages=messages)


async def test_a_system_message_may_stand_among_the_others(anthropic):
    messages = [USER, {"role": "system", "content": "1234"}]

    answer = await anthropic.ask(messages=messages)

    assert answer["usage"]["input_tokens"] == 2 + (4 + 2) + (4 + 1)


async def test_system_and_blocks_are_counted_by_kind(anthropic):
    blocks = [
        {"type": "text", "text": "12345"},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
    ]

    answer = await anthropic.ask(system="1234", messages=[{"role": "user", "content": blocks}])

    assert answer["usage"]["input_tokens"] == 2 + (4 + 1) + (4 + 2 + 85)


async def test_the_same_request_gets_the_same_text_whatever_the_directives(anthropic):
    first = await anthropic.ask("tiny+tokens=20")
    second = await anthropic.ask("tiny+chunks=3", headers={"X-Simulator": "tokens=20"})
    other = await anthropic.ask("tiny+tokens=20", system="Be brief.")

    assert first["content"] == second["content"]
    assert first["content"] != other["content"]


async def test_a_thought_may_be_sent_back_as_it_came(anthropic):
    thought = (await anthropic.ask(thinking={"type": "adaptive"}))["content"][0]

    answer = await anthropic.ask(messages=[USER, {"role": "assistant", "content": [thought]}, USER])

    assert answer["content"]


@pytest.mark.parametrize("change", [{"thinking": "other"}, {"signature": sign("gemini", "x")}])
async def test_a_thought_sent_back_changed_is_refused(anthropic, change):
    thought = {"type": "thinking", "thinking": "x", "signature": sign("anthropic", "x"), **change}

    status, body = await anthropic.refused(messages=[USER, {"role": "assistant", "content": [thought]}])

    assert status == 400
    assert body["error"]["message"] == "messages.1.content.0: Invalid 'signature' in 'thinking' block."


@pytest.mark.parametrize("choice", [{"type": "none"}, {"type": "auto"}])
async def test_tools_that_may_be_left_alone_are(anthropic, choice):
    answer = await anthropic.ask(tools=TOOLS, tool_choice=choice)

    assert [block["type"] for block in answer["content"]] == ["text"]


async def test_a_tool_that_must_not_be_used_is_not_called_on_request(anthropic):
    answer = await anthropic.ask("tiny+calls=2", tools=TOOLS, tool_choice={"type": "none"})

    assert [block["type"] for block in answer["content"]] == ["text"]
