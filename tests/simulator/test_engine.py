import json
from dataclasses import replace

import pytest

from simulator.asks import Ask, Message, digest_of
from simulator.directives import Directives
from simulator.engine import Usage, arguments, produce, split_words

ASK = Ask(model="tiny", messages=(Message("user", "Hello"),), digest=digest_of("one"))


def only(ask=ASK, **directives):
    answer = produce(ask, Directives(**directives))
    return answer.choices[0], answer.usage


def test_equal_asks_get_equal_answers():
    assert produce(ASK, Directives()) == produce(ASK, Directives())


def test_another_digest_gets_another_text():
    assert only()[0].text != only(replace(ASK, digest=digest_of("two")))[0].text


def test_a_length_not_asked_for_is_between_16_and_120():
    lengths = {only(replace(ASK, digest=digest_of(number)))[0].tokens for number in range(300)}

    assert min(lengths) >= 16
    assert max(lengths) <= 120
    assert len(lengths) > 50


def test_one_word_is_one_token():
    choice, usage = only()

    assert usage.completion == choice.tokens == len(choice.text.split())


def test_the_limit_cuts_and_says_so():
    choice, usage = only(replace(ASK, limit=5), tokens=9)

    assert (usage.completion, choice.finish) == (5, "length")


def test_a_limit_that_is_just_met_cuts_nothing():
    choice, usage = only(replace(ASK, limit=9), tokens=9)

    assert (usage.completion, choice.finish) == (9, "stop")


def test_overrun_ignores_the_limit():
    choice, usage = only(replace(ASK, limit=5), overrun=500)

    assert (usage.completion, choice.finish) == (500, "stop")


def test_reasoning_uses_up_the_limit_first():
    choice, usage = only(replace(ASK, limit=10), reasoning=8, tokens=50)

    assert usage == Usage(prompt=8, completion=10, reasoning=8)
    assert choice.tokens == 2


def test_reasoning_never_passes_the_limit():
    choice, usage = only(replace(ASK, limit=10), reasoning=80)

    assert usage == Usage(prompt=8, completion=10, reasoning=10)
    assert choice.text == ""


def test_a_prompt_grows_to_hold_what_was_cached():
    assert only(cached=60, cache_write=7)[1].prompt == 67
    assert only(cached=60, prompt=5)[1].prompt == 5


def test_no_tokens_make_an_empty_text():
    choice, usage = only(tokens=0)

    assert (choice.text, choice.pieces, usage.completion) == ("", (), 0)


def test_a_stop_sequence_ends_the_text_before_it():
    words = only(tokens=9)[0].text.split()

    choice, usage = only(replace(ASK, limit=8, stop=("never", " " + words[4])), tokens=9)

    assert choice.text.split() == words[:4]
    assert (usage.completion, choice.finish) == (4, "stop")


def test_a_stop_sequence_inside_a_word_leaves_its_start():
    first, second = only(tokens=9)[0].text.split()[:2]

    choice, _ = only(replace(ASK, stop=(second[1:],)), tokens=9)

    assert choice.text == f"{first} {second[0]}"


@pytest.mark.parametrize("chunks", [1, 2, 3, 7, 10, 11, 30, 100_000])
def test_chunks_join_to_the_same_text_and_tokens(chunks):
    whole, _ = only(tokens=10)

    cut, _ = only(tokens=10, chunks=chunks)

    assert (cut.text, cut.tokens) == (whole.text, 10)
    assert len(cut.pieces) == min(chunks, len(whole.text))
    assert all(piece.text for piece in cut.pieces)


def test_an_empty_text_has_no_chunks_however_many_were_asked_for():
    assert only(tokens=0, chunks=5)[0].pieces == ()


def test_echo_repeats_the_last_user_message_to_the_letter():
    said = "  canary\n\tsings   twice \n"
    messages = (Message("user", "first"), Message("user", said), Message("assistant", "no"))

    choice, usage = only(replace(ASK, messages=messages), echo=True)

    assert (choice.text, usage.completion) == (said, 3)


def test_without_echo_the_prompt_is_not_repeated():
    ask = replace(ASK, messages=(Message("user", "canary-7f3a"),))

    assert "canary-7f3a" not in only(ask, tokens=10_000)[0].text


def test_echo_of_no_user_message_is_empty():
    assert only(replace(ASK, messages=(Message("system", "rules"),)), echo=True)[0].text == ""


def test_json_without_a_schema_is_an_object_of_the_wanted_length():
    choice, usage = only(replace(ASK, form="json"), tokens=12)

    assert list(json.loads(choice.text)) == ["answer"]
    assert usage.completion == 12


def test_json_with_a_schema_satisfies_it():
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}

    assert json.loads(only(replace(ASK, form="json", schema=schema))[0].text) == {"n": 1}


def test_json_cut_by_the_limit_says_length():
    choice, _ = only(replace(ASK, form="json", limit=3), tokens=12)

    assert (choice.tokens, choice.finish) == (3, "length")


def test_a_tool_call_ends_as_one():
    choice, _ = only(replace(ASK, form="tool", tool_name="weather", schema={}))

    assert (choice.text, choice.finish) == ("{}", "tool")


def test_words_split_join_to_the_text():
    text = " a  bc\n\nd "

    assert "".join(split_words(text)) == text
    assert len(split_words(text)) == 3


def test_the_stop_sequence_that_comes_first_is_named():
    words = only(tokens=9)[0].text.split()

    choice, _ = only(replace(ASK, stop=(words[6], words[3])), tokens=9)

    assert (choice.stopped_by, choice.text.split()) == (words[3], words[:3])


def test_a_prompt_the_dialect_has_counted_is_not_counted_again():
    assert only(replace(ASK, prompt_tokens=77))[1].prompt == 77


def test_a_call_without_choices_makes_nothing():
    answer = produce(replace(ASK, choices=0), Directives(reasoning=5))

    assert (answer.choices, answer.usage) == ((), Usage(prompt=8, completion=0))


@pytest.mark.parametrize(
    ("thought", "reasoning", "made", "words"),
    [
        ("untold", None, 0, 0),
        ("untold", 5, 5, 0),
        ("shown", None, 12, 12),
        ("shown", 5, 5, 5),
        ("shown", 5000, 5000, 1000),
        ("signed", None, 12, 0),
    ],
)
def test_a_thought_is_made_when_asked_for_and_told_as_asked(thought, reasoning, made, words):
    answer = produce(replace(ASK, thought=thought), Directives(tokens=3, reasoning=reasoning))

    assert answer.usage.reasoning == made
    assert len("".join(piece.text for piece in answer.thought).split()) == words
    assert answer.tokens_shown == 3 + words


def test_a_thought_is_other_words_than_the_answer():
    answer = produce(replace(ASK, thought="shown"), Directives(tokens=12))

    assert "".join(piece.text for piece in answer.thought) != answer.choices[0].text


def test_a_tool_is_called_as_often_as_wanted():
    choice, usage = only(replace(ASK, form="tool", tool_name="weather", schema={}), calls=3)

    assert ["".join(piece.text for piece in call) for call in choice.calls] == ["{}"] * 3
    assert (usage.completion, choice.finish) == (3, "tool")


def test_a_tool_that_may_be_used_is_called_on_request_alone():
    ask = replace(ASK, offered=("weather", {}))

    assert produce(ask, Directives()).tool_name is None
    assert produce(ask, Directives(calls=1)).tool_name == "weather"
    assert produce(ASK, Directives(calls=1)).tool_name is None


def test_the_limit_cuts_calls_and_a_stop_sequence_does_not():
    ask = replace(ASK, form="tool", tool_name="weather", schema={}, stop=("}",))

    whole, _ = only(ask, calls=3)
    cut, usage = only(replace(ask, limit=2), calls=3)

    assert (whole.finish, whole.stopped_by) == ("tool", None)
    assert (len(cut.calls), cut.finish, usage.completion) == (2, "length", 2)


def test_a_filtered_answer_says_so():
    assert only(filter=True)[0].finish == "filter"


@pytest.mark.parametrize(("text", "found"), [('{"a": 1}', {"a": 1}), ('{"a"', {}), ("", {})])
def test_arguments_that_cannot_be_read_are_none(text, found):
    assert arguments(text) == found
