import pytest

from proxy.store.wire import command


def test_a_command_is_its_words_with_their_lengths():
    assert command("SET", b"key\r\n\x00", "gr\u00fcn", -12) == (
        b"*4\r\n$3\r\nSET\r\n$6\r\nkey\r\n\x00\r\n$5\r\ngr\xc3\xbcn\r\n$3\r\n-12\r\n"
    )


def test_lengths_are_those_of_the_bytes():
    big = b"x" * 70_000

    assert command("ECHO", big) == b"*2\r\n$4\r\nECHO\r\n$70000\r\n" + big + b"\r\n"
    assert command("ECHO", b"") == b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"


def test_whole_numbers_keep_every_digit():
    assert command("INCRBY", b"k", 2**62 + 1).endswith(b"$19\r\n4611686018427387905\r\n")


@pytest.mark.parametrize("word", [None, True, ["x"], {}])
def test_what_has_no_plain_text_is_no_word(word):
    with pytest.raises(TypeError):
        command("SET", b"key", word)
