"""Values of options."""

from datetime import UTC, datetime

import click
import pytest

from cli.options import ISO, USD, changed
from core.errors import BadRequest


def test_dollars_are_read_exactly():
    assert USD.convert("0.000000001", None, None) == 1


def test_a_moment_without_a_zone_is_utc():
    assert ISO.convert("2027-01-31T12:00", None, None) == datetime(2027, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(("kind", "text"), [(USD, "ten"), (USD, ""), (ISO, "soon"), (ISO, "")])
def test_what_cannot_be_read_is_refused(kind, text):
    with pytest.raises(click.BadParameter):
        kind.convert(text, None, None)


def test_an_option_sets_its_counterpart_clears_and_neither_changes_nothing():
    assert changed("budget_n", 0, cleared=False, option="budget") == {"budget_n": 0}
    assert changed("budget_n", None, cleared=True, option="budget") == {"budget_n": None}
    assert changed("budget_n", None, cleared=False, option="budget") == {}
    with pytest.raises(BadRequest, match="--budget or --no-budget"):
        changed("budget_n", 0, cleared=True, option="budget")
