import html
import re

import pytest

HTMX = {"HX-Request": "true"}
CURSOR = re.compile(r'id="calls-cursor" hx-get="/usage/calls\?since=([^"]+)"')
SUMMARY = re.compile(r'id="summary" class="stack" hx-get="([^"]+)"')


@pytest.fixture
def key(make, person):
    return make.key(person, name="production")


def cursor(page: str) -> str:
    return CURSOR.search(page)[1]


def test_a_new_account_sees_zeros_and_what_will_be_here(browser, person):
    page = browser.get("/usage").text

    assert "Nothing yet." in page
    assert '<dd class="big">$0.00' in page


def test_a_call_is_shown_with_its_exact_cost(browser, call, key):
    request_id = call(
        key, charge_n=123_450,
        usage={"input_tokens": 1200, "output_tokens": 340, "cached_tokens": 1000, "reasoning_tokens": 56},
    )  # fmt: skip

    page = browser.get("/usage").text

    row = page.split(f'id="call-{request_id}"')[1].split("</tr>")[0]
    for text in (
        "acme/tiny",
        "production",
        "1,200",
        "1,000 cached",
        "340",
        "56 reasoning",
        "$0.000123450",
        "412 ms",
    ):
        assert text in row


def test_page_ledger_and_totals_agree_to_the_nano_dollar(browser, call, key, db, person):
    for charge_n in (123_450, 1, 999_999_999):
        call(key, charge_n=charge_n)

    usage, wallet = browser.get("/usage").text, browser.get("/credits").text

    usage, wallet = (page.replace(' data-pad="0"', "") for page in (usage, wallet))
    assert usage.count('$1.00<span class="tail">012345</span>') == 3  # spent, and by model, and by key
    assert '$8.99<span class="tail">987655</span>' in usage
    assert '$8.99<span class="tail">987655</span>' in wallet
    assert "-$0.999999999" in wallet


def test_a_call_that_ended_early_says_why(browser, call, key):
    call(key, reason="client_gone")

    assert "Your program closed the connection" in browser.get("/usage").text


def test_a_reason_without_words_of_its_own_is_shown_as_it_is(browser, call, key):
    call(key, reason="struck_by_lightning", status=502)

    assert "struck by lightning" in browser.get("/usage").text


def test_new_calls_arrive_and_only_those(browser, call, key):
    old = call(key)
    since = cursor(browser.get("/usage").text)
    assert browser.get(f"/usage/calls?since={since}", headers=HTMX).status_code == 204
    new = call(key)

    response = browser.get(f"/usage/calls?since={since}", headers=HTMX)

    assert f'id="call-{new}" class="fresh"' in response.text
    assert str(old) not in response.text
    assert browser.get(f"/usage/calls?since={cursor(response.text)}", headers=HTMX).status_code == 204


def test_calls_that_arrive_one_by_one_all_arrive(browser, call, key):
    since, arrived = cursor(browser.get("/usage").text), []
    made = []
    for _ in range(5):
        made.append(str(call(key)))
        response = browser.get(f"/usage/calls?since={since}", headers=HTMX)
        since = cursor(response.text)
        arrived += re.findall(r'id="call-([^"]+)"', response.text)

    assert arrived == made


def test_calls_of_others_never_arrive(browser, call, make, person):
    since = cursor(browser.get("/usage").text)
    stranger = make.user(credits_usd="10")

    call(make.key(stranger))

    assert browser.get(f"/usage/calls?since={since}", headers=HTMX).status_code == 204


@pytest.mark.parametrize(
    "since", ["", "x", "-1", "9" * 40, "1.zz", "1;DROP", "1." + "a" * 5000, "99999999999999999"]
)
def test_a_cursor_that_is_none_is_no_error(browser, person, since):
    assert browser.get("/usage/calls", query_string={"since": since}, headers=HTMX).status_code in {200, 204}


@pytest.mark.parametrize(
    ("period", "title"),
    [
        ("day", "Spend by hour"),
        ("week", "Spend by day"),
        ("month", "Spend by day"),
        ("year", "Spend by month"),
    ],
)
def test_each_period_has_its_chart(browser, call, key, period, title):
    call(key, charge_n=500_000_000)

    page = browser.get(f"/usage?period={period}").text

    assert title in page
    assert page.count('class="s1" x=') == 1
    assert f'<a href="/usage?period={period}" aria-current="true">' in page


def test_a_period_that_is_none_is_a_month(browser, person):
    assert '<a href="/usage?period=month" aria-current="true">' in browser.get("/usage?period=aeon").text


def test_the_summary_comes_again_when_something_changed(browser, call, key):
    again = html.unescape(SUMMARY.search(browser.get("/usage").text)[1])
    assert browser.get(again, headers=HTMX).status_code == 204

    call(key, charge_n=10**9)

    response = browser.get(again, headers=HTMX)
    assert response.status_code == 200
    assert 'id="nav-balance" hx-swap-oob="true"' in response.text
    assert "<html" not in response.text


@pytest.mark.parametrize("path", ["/usage/summary", "/usage/calls"])
def test_a_part_opened_by_itself_is_a_whole_page(browser, person, path):
    assert "<html" in browser.get(path).text


def test_a_chart_has_its_figures_as_a_table_too(browser, call, key):
    call(key, model="acme/tiny", charge_n=3)
    call(key, model="acme/large", charge_n=5)

    table = browser.get("/usage?period=day").text.split('id="spend-table"')[1].split("</details>")[0]

    assert table.index("acme/large") < table.index("acme/tiny")
    assert "$0.000000008" in table
