import re
from datetime import UTC, datetime

import pytest

from app.pages.credits import PAGE
from core.actions.wallets import grant_credits
from core.ids import uuid7
from core.models import Hold, Wallet

OLDER = re.compile(r'href="(/credits\?before=\d+)" rel="next"')


def test_without_credits_the_page_says_how_to_get_some(browser, make):
    browser.sign_in(make.user().email)

    assert "No credits yet" in browser.get("/credits").text


def test_every_change_is_listed_exactly(browser, person, make, call):
    call(make.key(person), charge_n=123_450)

    page = browser.get("/credits").text

    assert "+$10.000000000" in page
    assert "for the test" in page
    assert "-$0.000123450" in page
    assert "acme/tiny" in page


def test_what_running_calls_hold_is_not_free(browser, person, make, db):
    key = make.key(person)

    now = datetime.now(UTC)
    db.add(
        Hold(
            request_id=uuid7(),
            wallet_id=key.wallet_id,
            key_id=key.id,
            amount_n=4 * 10**9,
            event={},
            boot_id=uuid7(),
            admitted_at=now,
            deadline_at=now,
        )
    )
    db.get_one(Wallet, key.wallet_id).held_n = 4 * 10**9
    db.commit()

    page = browser.get("/credits").text

    assert '<dd class="big">$4.00' in page
    assert '<dd class="big">$6.00' in page


def test_a_long_ledger_is_turned_page_by_page(browser, person, make):
    for _ in range(PAGE + 4):
        make.credits(person, "1")

    first = browser.get("/credits").text
    second = browser.get(OLDER.search(first)[1]).text

    entries = [re.findall(r'id="entry-(\d+)"', page) for page in (first, second)]
    assert [len(page) for page in entries] == [PAGE, 5]
    assert not set(entries[0]) & set(entries[1])
    assert not OLDER.search(second)
    assert 'href="/credits" rel="prev"' in second


@pytest.mark.parametrize("before", ["x", "-1", "0", "9" * 30])
def test_a_page_that_is_none_is_the_first(browser, person, before):
    response = browser.get(f"/credits?before={before}")

    assert response.status_code == 200
    assert "+$10.000000000" in response.text


def test_nobody_sees_the_ledger_of_others(browser, person, make):
    other = make.user()
    make.credits(other, "77")

    assert "77.000000000" not in browser.get("/credits").text


@pytest.mark.parametrize("note", ["<script>alert(1)</script>", "{{7*7}}"])
def test_a_note_stays_text(browser, person, db, note):
    grant_credits(db, person.wallet_id, 1, note=note, ref="odd")
    db.commit()

    page = browser.get("/credits").text

    assert "<script>alert" not in page
    assert ">49<" not in page
