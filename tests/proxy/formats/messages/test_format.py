import json

from proxy.formats.format import Format
from proxy.formats.messages.call import MessagesCall
from proxy.formats.messages.format import Messages
from tests.proxy.formats.messages.answers import BILL, FULL
from tests.proxy.formats.messages.requests import body

MESSAGES: Format = Messages()


def test_a_request_is_read_and_an_answer_written():
    ask = MESSAGES.ask(MessagesCall.parse(body()).fields, max_tokens=12)
    writer = MESSAGES.writer({}, answer_id="msg_1", model="acme/tiny", created=0)

    assert ask.max_tokens == 12
    assert json.loads(writer.whole(FULL, BILL))["stop_reason"] == "tool_use"


def test_what_was_answered_can_be_said_again():
    answer = json.loads(MESSAGES.writer({}, answer_id="m", model="a/b", created=0).whole(FULL, BILL))

    again = body(messages=[{"role": answer["role"], "content": answer["content"]}])

    assert len(MESSAGES.ask(MessagesCall.parse(again).fields, max_tokens=5).turns[0].parts) == 5
