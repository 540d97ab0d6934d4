"""Names can be shown: a bounded number of characters, none that steers a terminal."""

import pytest

from core.actions.names import clean_name
from core.errors import BadRequest


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  Acme ", "Acme"),
        ("my\x1b[31m\r\n\u202ename", "my[31mname"),
        ("研究部", "研究部"),
        ("x" * 100, "x" * 100),
    ],
)
def test_a_name_is_kept_without_what_cannot_be_seen(given, kept):
    assert clean_name(given) == kept


@pytest.mark.parametrize("given", ["", " ", "\x00\n", "x" * 101])
def test_a_name_that_says_nothing_or_too_much_is_refused(given):
    with pytest.raises(BadRequest) as refusal:
        clean_name(given)

    assert refusal.value.param == "name"
