"""The input of a call is bounded from above, whatever the sender hides it in."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.reserve import (
    CHAT,
    MESSAGES,
    RESPONSES,
    TOKENS_PER_IMAGE,
    InputSize,
    input_size,
    measure,
    measure_texts,
    output_bound,
    texts_size,
)


def size(*messages, extra=0, context=None) -> InputSize:
    return input_size(measure(messages, extra_bytes=extra), context=context)


def said(text):
    return {"role": "user", "content": text}


def test_text_counts_at_most_a_token_for_two_bytes_and_eight_a_message():
    bound = size(said("x" * 1000))

    assert bound.at_most == (1000 + len("userrolecontent")) // 2 + 8
    assert bound.estimate == (1000 + len("user") + 3) // 4 + 4


def test_bytes_count_and_not_characters():
    assert size(said("語" * 100)).at_most - size(said("")).at_most == 150


@given(st.text(), st.text())
def test_a_plain_message_counts_as_any_other_would(role, content):
    plain = measure([{"role": role, "content": content}], extra_bytes=0)
    other = measure([{"role": role, "content": [content]}], extra_bytes=0)

    assert plain == other


def test_tools_and_schemas_count_by_their_bytes():
    assert size(said(""), extra=500).at_most - size(said("")).at_most == 250


def test_a_picture_counts_the_same_however_long_its_url():
    small, large = (
        size(said([{"type": "image_url", "image_url": {"url": url}}]))
        for url in ("https://x/y.png", "data:image/png;base64," + "A" * 10**6)
    )

    assert small == large
    assert small.at_most >= TOKENS_PER_IMAGE


PICTURED = measure(
    [said([{"type": "image_url", "image_url": {"url": "https://x/y.png"}}] * 2)], extra_bytes=0
)


@pytest.mark.parametrize(
    ("image_tokens", "most", "typical"), [(None, 16_384, 1200), (48_169, 48_169, 1200), (258, 258, 258)]
)
def test_a_picture_counts_at_most_what_its_model_makes_of_one_and_mostly_less(image_tokens, most, typical):
    plain = input_size(msgspec.structs.replace(PICTURED, images=0), context=None)

    bound = input_size(PICTURED, context=None, image_tokens=image_tokens)

    assert (bound.at_most - plain.at_most, bound.estimate - plain.estimate) == (2 * most, 2 * typical)


def test_pictures_fill_no_more_than_the_context():
    assert input_size(PICTURED, context=1000, image_tokens=4784) == InputSize(1000, 1000)


def test_a_picture_counts_the_same_in_the_words_of_a_response():
    url = "data:image/png;base64," + "A" * 10**6
    named = size(said([{"type": "image_url", "image_url": url}]))
    message = said([{"type": "input_image", "image_url": url}])
    other = input_size(measure([message], extra_bytes=0, parts=RESPONSES), context=None)

    assert other.at_most - named.at_most == (len("input_image") - len("image_url")) // 2
    assert other.is_bounded


PICTURES = {"image_url": CHAT, "input_image": RESPONSES}


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize(
    "url",
    [
        "data:application/pdf;base64,JVBE",
        " DATA:video/mp4;base64,AAAA",
        "data:audio/mp3;base64,AAAA",
        "data:",
    ],
)
@pytest.mark.parametrize("is_object", [True, False])
def test_no_file_hides_in_the_place_of_a_picture(kind, url, is_object):
    hidden = said([{"type": kind, "image_url": {"url": url} if is_object else url}])

    content = measure([hidden], extra_bytes=0, parts=PICTURES[kind])

    assert input_size(content, context=100_000).at_most == 100_000
    assert not input_size(content, context=None).is_bounded


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "original"}},
        {"type": "image_url", "image_url": "https://x/y.png", "detail": "original"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "original"},
    ],
)
def test_a_picture_looked_at_pixel_by_pixel_takes_the_whole_context(part):
    content = measure([said([part])], extra_bytes=0, parts=PICTURES[part["type"]])

    assert input_size(content, context=100_000).at_most == 100_000


@pytest.mark.parametrize(
    "picture", [None, 5, [], {}, {"url": None}, {"url": 5}, "", "data:image/PNG;base64,AA"]
)
def test_a_picture_that_is_odd_is_a_picture_for_all_we_know(picture):
    content = measure([said([{"type": "image_url", "image_url": picture}])], extra_bytes=0)

    assert input_size(content, context=None).is_bounded
    assert content.images == 1


@pytest.mark.parametrize(
    "kind", ["image_url", "input_image", "file", "input_audio", "video_url", "text", 7, None, ["file"]]
)
def test_no_type_hides_a_text(kind):
    hidden = {"type": kind, "role": "user", "content": "x" * 100_000}

    assert size(hidden).at_most >= 50_000


def test_a_text_in_field_names_or_numbers_counts_too():
    assert size({"role": "assistant", "input": {"x" * 10_000: 1}}).at_most >= 5_000
    assert size({"role": "assistant", "input": [10**18] * 1000}).at_most >= 9_500


@pytest.mark.parametrize(
    "kind", ["file", "input_audio", "video_url", "input_video", "audio_url", "input_image"]
)
def test_what_cannot_be_bounded_takes_the_whole_context(kind):
    bound = size(said([{"type": kind, kind: {"data": "A" * 100}}]), context=32_000)

    assert bound.at_most == 32_000
    assert bound.estimate < 100


def test_media_without_a_context_have_no_bound():
    part = {"type": "file", "file": {"file_id": "file-1"}}

    assert not size(said([part])).is_bounded
    assert size(said([part]), context=8192).is_bounded
    assert size(said("Hello")).is_bounded


def test_nothing_passes_the_context():
    assert size(said("x" * 10**6), context=8192) == InputSize(8192, 8192)


def test_a_message_of_any_depth_is_counted_without_recursion():
    deep: object = "x" * 100
    for _ in range(100_000):
        deep = [deep]

    assert size(said(deep)).at_most >= 50


def test_half_characters_do_not_break_the_count():
    assert size(said("\ud800")).at_most >= 8


def asked(*blocks, context=None) -> InputSize:
    """The same for a request in the Messages format."""
    return input_size(measure([said(list(blocks))], extra_bytes=0, parts=MESSAGES), context=context)


def test_a_picture_in_the_messages_format_counts_the_same_however_long_it_is():
    def image(**source):
        return {"type": "image", "source": source}

    small = asked(image(type="url", url="https://x/y.png"))
    large = asked(image(type="base64", media_type="image/png", data="A" * 10**6))
    nested = asked({"type": "tool_result", "content": [image(type="base64", data="A" * 10**6)]})

    assert small == large
    assert small.is_bounded
    # "role", "content", "type", "source", "user" and "image" are 31 bytes
    assert small.at_most == 31 // 2 + 8 + TOKENS_PER_IMAGE
    assert TOKENS_PER_IMAGE < nested.at_most < TOKENS_PER_IMAGE + 50


def test_no_text_hides_beside_a_picture_nor_in_the_input_of_a_tool():
    hidden = {"type": "image", "source": {"type": "base64", "data": "x" * 100_000}}

    assert asked({"type": "image", "text": "x" * 100_000}).at_most >= 50_000
    assert asked({"type": "tool_use", "input": hidden}).at_most >= 50_000
    assert asked({"type": "tool_use", "input": {"type": "", "": "x" * 100_000}}).at_most >= 50_000
    assert asked({"type": "tool_use", "input": {"type": "document"}}).is_bounded


@pytest.mark.parametrize(
    ("source", "is_bounded"),
    [
        ({"type": "text", "media_type": "text/plain", "data": "x" * 1000}, True),
        ({"type": "content", "content": "x" * 1000}, True),
        ({"type": "content", "content": [{"type": "document", "source": {"type": "url"}}]}, False),
        ({"type": "base64", "media_type": "application/pdf", "data": "x" * 1000}, False),
        ({"type": "url", "url": "https://x/y.pdf" + "x" * 1000}, False),
        ({"type": "file", "file_id": "x" * 1000}, False),
        ({"type": []}, False),
        ("x" * 1000, False),
    ],
)
def test_a_document_is_bounded_when_its_text_is_there_to_be_counted(source, is_bounded):
    bound = asked({"type": "document", "source": source})

    assert bound.is_bounded is is_bounded
    assert bound.at_most >= 500 or "content" in source or source == {"type": []}
    assert asked({"type": "document", "source": source}, context=9000).at_most <= 9000


@given(
    st.recursive(
        st.text() | st.integers() | st.booleans() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_the_estimate_is_never_above_the_bound_nor_the_bound_far_above_the_bytes(message):
    bound = size(message)

    assert 0 <= bound.estimate <= bound.at_most
    assert bound.at_most <= len(json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass")) + 8


@pytest.mark.parametrize(
    ("asked", "model_max", "context", "cap", "bound"),
    [
        (None, None, None, 100, 100),
        (50, None, None, 100, 50),
        (500, None, None, 100, 100),
        (None, 80, None, 100, 80),
        (None, None, 70, 100, 70),
        (None, 80, 70, 100, 80),
        (60, 80, 70, 100, 60),
        (1, 80, 70, 100, 1),
    ],
)
def test_the_output_is_bounded_by_whoever_allows_least(asked, model_max, context, cap, bound):
    assert output_bound(asked=asked, model_max=model_max, context=context, cap=cap) == bound


def test_texts_by_themselves_are_bounded_as_messages_are_and_estimated_without_what_surrounds_those():
    content = measure_texts(["x" * 100, "語"], other_bytes=20)

    assert texts_size(content, context=None) == InputSize((103 + 20) // 2 + 2 * 8, 26)


def test_each_text_may_fill_the_context():
    content = measure_texts(["x" * 1000] * 3, other_bytes=0)

    assert texts_size(content, context=50) == InputSize(150, 150)


@given(st.lists(st.text(min_size=1) | st.lists(st.integers(0, 10**6), min_size=1), min_size=1))
def test_tokens_are_never_more_than_the_bound(texts):
    content = measure_texts(texts, other_bytes=0)

    size = texts_size(content, context=None)

    tokens = sum(len(text) for text in texts if isinstance(text, list))
    assert tokens <= size.estimate <= size.at_most
    assert size.estimate >= len(texts)
