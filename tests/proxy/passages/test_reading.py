"""What the meter learns of an answer in any dialect."""

from core.rules.prices import Usage
from proxy.conversation import Began, BlockBegan, Delta, Signed, Stopped, Told
from proxy.passages.reading import Reading
from tests.proxy.passages.bills import a_meter

FIRST, LAST = Usage(input_tokens=50, output_tokens=1), Usage(input_tokens=50, output_tokens=9)
TEXT = [BlockBegan(0, "text"), Delta(0, "Grüße")]


class Scripted:
    """A reader that tells what it is given."""

    is_done = False

    def __init__(self, *batches):
        self._batches = list(batches)

    def event(self, _data):
        return self._batches.pop(0)

    def whole(self, _body):
        return [event for batch in self._batches for event in batch]


def read(*batches):
    meter = a_meter()
    reading = Reading(Scripted(*batches), meter)
    for _ in batches:
        reading.event(b"")
    return meter


def test_text_and_names_of_tools_are_produced_by_their_bytes():
    meter = read([*TEXT, BlockBegan(1, "tool", "id", "weather"), Delta(1, "{}")])

    assert meter.produced_bytes == len("Grüße".encode()) + len("weather") + len("{}")


def test_a_hidden_thought_is_produced_by_its_signature_and_a_shown_one_by_its_text():
    hidden = [BlockBegan(0, "thinking"), Signed(0, "s" * 40)]
    shown = [BlockBegan(1, "thinking"), Delta(1, "Hm."), Signed(1, "s" * 40)]

    assert read(hidden, shown).produced_bytes == 40 + 3


def test_what_is_told_at_the_end_is_billed():
    for batches in ([[Began(), Told(FIRST)], TEXT, [Stopped("end", "end_turn"), Told(LAST)]],
                    [TEXT, [Told(LAST), Stopped("end", "STOP")]],
                    [TEXT, [Stopped("end", "stop")], [Told(LAST)]]):  # fmt: skip
        meter = read(*batches)

        assert meter.ending().usage == LAST
        assert not meter.ending().estimated


def test_a_first_guess_is_no_bill_but_its_input_is_known():
    """Forty bytes of text were seen: ten tokens, whatever the provider guessed at the start."""
    ending = read([Began(), Told(FIRST)], [BlockBegan(0, "text"), Delta(0, "x" * 40)]).ending()

    assert (ending.usage.input_tokens, ending.usage.output_tokens, ending.estimated) == (50, 10, True)


def test_an_end_without_usage_is_no_bill_either():
    ending = read([Told(FIRST)], [BlockBegan(0, "text"), Delta(0, "x" * 40)], [Stopped("end", "x")]).ending()

    assert (ending.usage.output_tokens, ending.estimated) == (10, True)


def test_a_reason_is_booked_without_what_cannot_be_stored():
    assert read([Stopped("end", "e\x00nd" + "!" * 100)]).finish_reason == "end" + "!" * 61


def test_an_answer_has_content_once_there_is_more_than_its_head():
    reading = Reading(Scripted([Began(), Told(FIRST)], [BlockBegan(0, "text")]), a_meter())

    reading.event(b"")
    before = reading.has_content
    reading.event(b"")

    assert (before, reading.has_content) == (False, True)


def test_whether_usage_adds_up_is_told_of_what_is_billed():
    odd = read([Told(FIRST)], [Stopped("end", "x"), Told(LAST, adds_up=False)])
    mended = read([Told(FIRST, adds_up=False)], [Stopped("end", "x"), Told(LAST)])

    assert (odd.is_odd, mended.is_odd) == (True, False)
