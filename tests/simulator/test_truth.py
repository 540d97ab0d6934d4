import json

import pytest

from simulator.truth import KEPT, TruthLog


@pytest.fixture
def path(tmp_path):
    return tmp_path / "truth.jsonl"


@pytest.fixture
def truth(path):
    log = TruthLog(path, clock=iter(range(1_000_000)).__next__)
    yield log
    log.close()


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_record_is_written_when_it_ends(truth, path):
    record = truth.open(path="/v1", request_id="r1", header_names=["X-B", "x-a", "X-A"])
    assert lines(path) == []

    truth.end(record, "done")

    (line,) = lines(path)
    assert (line["request_id"], line["header_names"]) == ("r1", ["x-a", "x-b"])
    assert (line["started"], line["ended"], line["how"]) == (0, 1, "done")


def test_the_first_end_counts(truth, path):
    record = truth.open(path="/v1")

    truth.end(record, "cut")
    truth.end(record, "client_gone")

    assert [line["how"] for line in lines(path)] == ["cut"]


def test_records_are_found_by_request_id(truth):
    for name in ("a", "b", "a"):
        truth.end(truth.open(path="/v1", request_id=name), "done")

    assert len(truth.records("a")) == 2
    assert truth.records("c") == []
    assert len(truth.records()) == 3


def test_forgetting_leaves_the_file(truth, path):
    truth.end(truth.open(path="/v1"), "done")

    truth.forget()

    assert truth.records() == []
    assert len(lines(path)) == 1


def test_memory_keeps_the_latest_only():
    log = TruthLog(None, clock=lambda: 0.0)
    for number in range(KEPT + 5):
        log.end(log.open(path="/v1", request_id=str(number)), "done")

    assert len(log.records()) == KEPT
    assert log.records()[0]["request_id"] == "5"


def test_closing_ends_what_runs(truth, path):
    truth.open(path="/v1")

    truth.close()

    assert [line["how"] for line in lines(path)] == ["terminated"]


def test_a_log_goes_on_where_an_earlier_one_ended(truth, path):
    truth.end(truth.open(path="/v1"), "done")
    second = TruthLog(path, clock=lambda: 0.0)

    second.end(second.open(path="/v1"), "done")
    second.close()

    assert len(lines(path)) == 2


def test_what_comes_from_outside_is_bounded(truth):
    truth.end(truth.open(path="/" * 5000, request_id="r" * 5000), "done")

    (record,) = truth.records()
    assert len(record["path"]) == len(record["request_id"]) == 300


def test_only_the_owner_can_read_the_file(truth, path):
    assert path.stat().st_mode & 0o077 == 0
