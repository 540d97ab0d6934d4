import json

from proxy.conversation import Ask, Text, Turn
from proxy.providers.anthropic import Anthropic
from proxy.providers.dialect import Dialect

dialect: Dialect = Anthropic()


def test_calls_go_to_messages_with_the_key_in_a_header_of_its_own():
    headers = dialect.headers("sk-1")

    assert dialect.path("claude-x", stream=True) == "/messages"
    assert headers == {
        "x-api-key": "sk-1",
        "anthropic-version": "2023-06-01",
        "Content-Type": "application/json",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "User-Agent": "BazaarLink",
    }


def test_a_plain_call_says_no_more_than_was_said():
    ask = Ask(turns=(Turn("user", (Text("hi"),)),), max_tokens=20)

    body = json.loads(dialect.request_body(ask, model="claude-x", stream=False))

    assert body == {
        "model": "claude-x",
        "max_tokens": 20,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }


def test_each_answer_is_read_by_a_reader_of_its_own():
    one, other = dialect.reader(), dialect.reader()

    assert one is not other
    assert not one.is_done
