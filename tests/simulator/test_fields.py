import pytest

from simulator.fields import read_list, read_model, read_object, read_stops, read_whole
from simulator.refusals import Refusal


def refused_field(read, *arguments, **options):
    with pytest.raises(Refusal) as refused:
        read(*arguments, **options)
    return refused.value.param


@pytest.mark.parametrize("found", [None, "", 5, "x" * 301])
def test_a_model_is_a_name_of_bounded_length(found):
    assert refused_field(read_model, found) == "model"


@pytest.mark.parametrize("value", [0, 10_000_001, True, "5", 1.0])
def test_a_whole_number_keeps_its_bounds(value):
    assert refused_field(read_whole, {"n": value}, "n", inside="config.") == "config.n"


def test_what_is_absent_is_nothing():
    assert read_whole({}, "n") is None
    assert read_stops({"stop": None}, "stop", most=4) == ()
    assert read_object({"format": None}, "format") == {}
    assert read_list({}, "tools") == []


@pytest.mark.parametrize("found", ["word", [""], [5], ["a"] * 5])
def test_stops_are_some_strings(found):
    assert refused_field(read_stops, {"stop": found}, "stop", most=4) == "stop"


def test_objects_and_lists_of_them_are_nothing_else():
    assert refused_field(read_object, {"format": []}, "format", inside="config.") == "config.format"
    assert refused_field(read_list, {"tools": [5]}, "tools") == "tools"
    assert refused_field(read_list, {"tools": {}}, "tools") == "tools"
