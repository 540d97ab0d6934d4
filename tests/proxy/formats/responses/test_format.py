import msgspec

from core.charging.calls import Ending
from core.money import Nanos
from core.rules.prices import Cost, Usage
from proxy.conversation import Began, BlockBegan, BlockEnded, Delta, Stopped, Text, Turn
from proxy.formats.format import Bill, Format
from proxy.formats.responses.format import Responses

BILL = Bill(Ending("p", Usage(3, 2), Cost(Nanos(10), Nanos(11)), status=200, reason="done"), charge_n=11)


def test_it_is_a_format_that_asks_and_answers():
    fields = {"model": "acme/tiny", "input": "Hello", "temperature": 0.5}
    form: Format = Responses()

    ask = form.ask(fields, max_tokens=9)
    said = [Began(), BlockBegan(0, "text"), Delta(0, "Hi"), BlockEnded(0), Stopped("end", "stop")]
    answer = form.writer(fields, answer_id="a-1", model="acme/tiny", created=7).whole(said, BILL)

    assert (ask.turns, ask.temperature) == ((Turn("user", (Text("Hello"),)),), 0.5)
    told = msgspec.json.decode(answer)
    assert (told["id"], told["temperature"], told["output"][0]["content"][0]["text"]) == (
        "resp_a1",
        0.5,
        "Hi",
    )


def test_without_a_request_a_response_says_what_holds_by_default():
    told = msgspec.json.decode(Responses().writer({}, answer_id="a", model="m/m", created=7).whole([], BILL))

    assert (told["tools"], told["tool_choice"], told["parallel_tool_calls"]) == ([], "auto", True)
