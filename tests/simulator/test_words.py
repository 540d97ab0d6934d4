from simulator.words import WORDS, words


def test_there_is_a_different_word_for_every_byte():
    assert len(set(WORDS)) == 256


def test_words_follow_from_the_digest_alone():
    assert words(b"one", 50) == words(b"one", 50)
    assert words(b"one", 50) != words(b"two", 50)


def test_a_longer_text_starts_as_the_shorter():
    assert words(b"one", 50)[:20] == words(b"one", 20)
