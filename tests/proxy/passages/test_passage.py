"""What all ways of an answer have in common."""

from proxy.passages.passage import Passage
from proxy.sse import MalformedStream
from tests.proxy.passages.bills import a_meter


class Shouting(Passage):
    def _event(self, data):
        if data == b"bad":
            raise MalformedStream("bad")
        self.is_done = data == b"last"
        return data.upper()


def test_what_was_good_before_a_bad_event_is_not_lost():
    batch, error = Shouting(a_meter()).take(b"data: one\n\ndata: two\n\ndata: bad\n\ndata: three\n\n")

    assert (batch, str(error)) == (b"ONETWO", "bad")


def test_nothing_is_taken_after_the_last_word():
    passage = Shouting(a_meter())

    assert passage.take(b"data: last\n\ndata: more\n\n") == (b"LAST", None)
    assert passage.is_done


def test_events_come_in_any_pieces():
    passage = Shouting(a_meter())
    stream = b"data: one\r\n\r\ndata: two\r\n\r\n"

    taken = b"".join(passage.take(stream[i : i + 1])[0] for i in range(len(stream)))

    assert taken == b"ONETWO"
