import pytest

from simulator.signatures import is_signed, sign


def test_a_signature_proves_its_text():
    assert is_signed("one", "thought \ud800", sign("one", "thought \ud800"))


@pytest.mark.parametrize(
    ("provider", "signed", "signature"),
    [
        ("one", "changed", sign("one", "thought")),
        ("two", "thought", sign("one", "thought")),
        ("one", "thought", "odd \ud800"),
        ("one", "thought", None),
        ("one", "thought", 5),
    ],
)
def test_it_proves_nothing_else(provider, signed, signature):
    assert not is_signed(provider, signed, signature)
