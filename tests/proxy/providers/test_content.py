import pytest

from proxy.providers.content import media_bytes, says_something, text_bytes


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("", 0),
        ("né😀", 7),
        (["a", {"type": "text", "text": "bc"}], 3),
        ({"town": {"name": "Taipei"}}, 6),
        (5, 0),
        (None, 0),
    ],
)
def test_text_is_counted_in_bytes_wherever_it_stands(value, size):
    assert text_bytes(value) == size


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("data:,of text", 13),
        (
            {"id": "audio_1", "data": "A" * 64_000, "transcript": "Hi."},
            80 + 3,
        ),  # a second of sound: 20 tokens
        ({"data": "A"}, 1),
        ({"data": ""}, 0),
        ([{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 778}}], 1),
        ([{"type": "image_url", "image_url": {"url": "https://x.y"}}], 11),
        ([{"type": "text", "text": "data:,of text"}], 13),
    ],
)
def test_sound_and_pictures_count_by_what_they_are_and_not_by_their_letters(value, size):
    assert media_bytes(value) == size


@pytest.mark.parametrize("value", ["x", ["", "x"], {"a": {"b": [None, {"c": "x"}]}}])
def test_text_of_whatever_kind_is_something(value):
    assert says_something(value)


@pytest.mark.parametrize(
    "value",
    [None, "", 5, True, [], {"role": "assistant"}, {"type": "text", "text": ""}, {"a": [{"id": "x"}]}],
)
def test_names_and_numbers_are_nothing(value):
    assert not says_something(value)


def test_how_deep_it_goes_does_not_matter():
    deep = "x"
    for _ in range(100_000):
        deep = [deep]

    assert says_something(deep)
