"""How answers look."""

from decimal import Decimal

from cli.answers import facts, table, to_json, yes_no


def test_amounts_are_numbers_with_all_their_digits():
    assert to_json({"usd": Decimal("8999999.123456789")}) == '{\n  "usd": 8999999.123456789\n}'


def test_columns_line_up_under_their_heads_also_with_wide_characters():
    text = table(("NAME", "AMOUNT"), [("王小明", "$1.00"), ("Ada", "$12.50")], right=frozenset({1}))

    assert text.splitlines() == ["NAME    AMOUNT", "王小明   $1.00", "Ada     $12.50"]


def test_what_would_steer_a_terminal_is_not_printed():
    assert "\x1b" not in table(("NOTE",), [("\x1b[2Jgone",)])
    assert "\x1b" not in facts([("Note", "\x1b[2Jgone")])


def test_facts_stand_under_one_another():
    assert facts([("Id", 1), ("Account", "ada")]) == "Id       1\nAccount  ada"


def test_yes_and_no_are_words():
    assert (yes_no(value=True), yes_no(value=False)) == ("yes", "no")
