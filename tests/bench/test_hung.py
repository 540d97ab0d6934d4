"""The measurement in small: that calls hang beside those that are timed, and what is said of it."""

import http.client
import json

import pytest

from bench import cores
from bench import hung as module
from bench.hung import Slice, hanging, measured, report
from bench.install import Missing
from bench.ours import ours


def streams(source):
    link = http.client.HTTPConnection("127.0.0.1", source.port, timeout=5)
    link.request("GET", "/")
    found = json.loads(link.getresponse().read())["streams"]
    link.close()
    return found


def test_calls_are_timed_while_others_hang_and_the_books_are_right(source, monkeypatch):
    monkeypatch.setattr(module, "HUNG", 20)
    before = streams(source)

    with ours(upstream_port=source.port, cores=cores.ours()) as (target, product):
        slices = [measured(target, is_hung=is_hung, seconds=0.4) for is_hung in (True, False)]
        differences = product.differences()

    assert all(0 < one.p50_us <= one.p99_us and one.calls > 0 for one in slices)
    assert streams(source) - before == 20
    assert differences == []


def test_calls_that_do_not_hang_are_noticed(source, monkeypatch):
    monkeypatch.setattr(module, "HUNG", 1)
    monkeypatch.setattr(module, "HANGING", module.PLAIN)
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)

    with pytest.raises(Missing, match=r"a call that was to hang got b'HTTP/1\.1 200 OK"), hanging(source):
        pass


@pytest.mark.parametrize(
    ("hung_us", "said"), [(1300, "p99 x 1.30 (median of 3 pairs; at most 1.2: missed)"), (1100, "held")]
)
def test_each_pair_has_a_ratio_of_its_own_and_their_median_is_told(hung_us, said):
    alone, twice = Slice(500, 1000, 9), Slice(500, 2000, 9)

    text = report([(Slice(550, hung_us, 9), alone), (Slice(550, 100, 9), alone), (twice, alone)])

    assert "p50 x 1.10" in text
    assert said in text
