"""An auditor that was never seen to find anything is worth nothing: every fault it is there for, planted."""

import ast
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.chaos.auditor import Cap, Evidence, Price, audit
from tests.chaos.books import Books
from tests.chaos.client import Seen
from tests.chaos.truth import Served

HERE = Path(__file__).parent
WALLET, KEY = "01900000-0000-7000-8000-0000000000aa", "01900000-0000-7000-8000-0000000000bb"
WHOLE, CUT, DEAD, REFUSED = (f"0198fa2e-9c00-7000-8000-00000000000{n}" for n in range(1, 5))
DAY = date(2025, 8, 30)
PRICE = Price(input_n=1_000_000_000, output_n=2_000_000_000)  # 1,000 and 2,000 nano-dollars a token
FULL_N = 1100 * 10 + 2200 * 20
CUT_N = 1100 * 10 + 2200 * 5
DEAD_N = 2200 * 40


def row(request_id, **fields):
    made = {
        "request_id": request_id, "day": DAY, "rank": 2, "wallet_id": WALLET, "key_id": KEY, "model_id": "m",
        "charge_n": 0, "status": 200, "reason": "done", "estimated": False, "disputed": False, "output_tokens": 0,
    }  # fmt: skip
    return {**made, **fields}


def entry(ref, amount_n, kind="usage"):
    return {"wallet_id": WALLET, "kind": kind, "ref": ref, "amount_n": amount_n}


def served(request_id, *, sent, completion, how, lasted_s=1.0):
    return Served(
        request_id=request_id, stream=True, prompt=10, completion=completion, sent=sent, how=how, lasted_s=lasted_s
    )  # fmt: skip


def seen(request_id, **fields):
    return Seen(proxy="p", secret="s", model="m", stream=True, request_id=request_id, **fields)


@pytest.fixture
def good():
    """A whole call, one whose client left, one whose proxy died, and a refused one."""
    spent_n = FULL_N + CUT_N + DEAD_N
    books = Books(
        wallets=[
            {"id": WALLET, "balance_n": 10**9 - spent_n, "credit_limit_n": 0, "leased_n": 0, "held_n": 0}
        ],
        ledger=[
            entry("gift", 10**9, kind="grant"),
            entry(WHOLE, -FULL_N),
            entry(CUT, -CUT_N),
            entry(DEAD, -DEAD_N),
        ],
        usage=[
            row(WHOLE, charge_n=FULL_N),
            row(CUT, charge_n=CUT_N, status=499, reason="client_gone", estimated=True),
            row(DEAD, charge_n=DEAD_N, status=500, reason="orphaned", estimated=True, rank=1),
            row(REFUSED, status=402, reason="insufficient_credits"),
        ],
    )
    truth = [
        served(WHOLE, sent=20, completion=20, how="done"),
        served(CUT, sent=6, completion=20, how="client_gone"),
        served(DEAD, sent=60, completion=200, how="client_gone", lasted_s=6.0),
    ]
    clients = [
        seen(WHOLE, status=200, tokens=20, cost_n=FULL_N, is_complete=True),
        seen(CUT, status=200, tokens=5, has_left=True),
        seen(DEAD, status=200, tokens=50),
        seen(REFUSED, status=402),
        Seen(proxy="p", secret="s", model="m", stream=True),
    ]
    return Evidence(books=books, truth=truth, prices={"m": PRICE}, seen=clients)


def again(evidence, **changes):
    """The evidence after a change, as the auditor would have read it."""
    kept = {name: getattr(evidence, name) for name in ("books", "truth", "prices", "seen", "caps", "lag_s")}
    return Evidence(**{**kept, **changes})


def test_good_books_have_no_findings(good):
    assert audit(good) == []


def test_prices_are_rounded_up_once():
    assert Price(input_n=150_000_000, output_n=600_000_000).of(1, 0) == 165
    assert Price(input_n=1, output_n=0).of(1, 0) == 1
    assert Price(input_n=0, output_n=0).of(5, 5) == 0


PLANTED = {
    "has 999": lambda b: b.wallets[0].update(balance_n=999),
    "is overspent by 1": lambda b: (
        b.ledger.append(entry("x", -b.wallets[0]["balance_n"] - 1, kind="grant")),
        b.wallets[0].update(balance_n=-1),
    ),
    "the ledger took 110000": lambda b: b.ledger.append(entry(WHOLE, -55_000, kind="adjustment")),
    "its ledger took": lambda b: b.ledger.append(entry("batch-1", -1)),
    "has 2 usage rows": lambda b: b.usage.append(row(WHOLE, day=date(2025, 8, 31))),
    "it was made on 2025-08-30": lambda b: b.usage[0].update(day=date(2025, 9, 1)),
    "is lost": lambda b: b.usage.pop(0),
    "it should be 55000": lambda b: b.usage[0].update(charge_n=FULL_N + 1),
    "cost 0, it should be 55000": lambda b: b.usage[0].update(charge_n=0),
    "is disputed": lambda b: b.usage[0].update(disputed=True),
    "it should be 0 to": lambda b: b.usage[1].update(charge_n=2200 * 20),
    "tokens for 10999": lambda b: b.usage[1].update(charge_n=10_999),
    "cost 0, it should be 70400 to": lambda b: b.usage[2].update(charge_n=0),
    "the provider was never asked": lambda b: b.usage[3].update(charge_n=1),
    "was refused with 402, and cost 1": lambda b: b.usage[3].update(charge_n=1),
    "with rank 1": lambda b: b.usage[0].update(rank=1, estimated=True),
    "still holds 7": lambda b: b.holds.append({"request_id": CUT, "wallet_id": WALLET, "amount_n": 7}),
    "still has 5 held": lambda b: b.wallets[0].update(held_n=5),
}


@pytest.mark.parametrize("sentence", PLANTED)
def test_a_planted_fault_is_found(good, sentence):
    PLANTED[sentence](good.books)

    findings = audit(again(good))

    assert [finding for finding in findings if sentence in finding], findings


def test_a_call_sent_twice_is_found(good):
    findings = audit(again(good, truth=[*good.truth, good.truth[0]]))

    assert findings == [f"call {WHOLE} was sent to the provider 2 times"]


def test_a_refused_call_that_was_sent_is_found(good):
    sent = served(REFUSED, sent=0, completion=0, how="client_gone")

    findings = audit(again(good, truth=[*good.truth, sent]))

    assert findings == [f"call {REFUSED} was refused with 402, and was sent to the provider"]


def test_a_fault_of_ours_is_found(good):
    good.seen[4].status, good.seen[4].request_id = 500, "x"

    assert audit(good) == ["call x was answered with status 500"]


def test_an_answer_that_nobody_wrote_down_is_found(good):
    unknown = seen("0198fa2e-9c00-7000-8000-000000000009", status=200, tokens=1)

    findings = audit(again(good, seen=[unknown]))

    assert findings == [f"call {unknown.request_id} was answered and has no usage row"]


def pool(**fields):
    made = {
        "wallet_id": WALLET,
        "gen": 1,
        "granted_n": 100,
        "posted_n": 30,
        "returned_n": 20,
        "state": "active",
    }
    return {**made, **fields}


def test_leases_are_what_open_pools_still_have(good):
    good.books.pools = [pool(), pool(gen=2, state="old"), pool(gen=3, state="closed")]
    good.books.wallets[0]["leased_n"] = 100
    assert audit(good) == []

    good.books.wallets[0]["leased_n"] = 50

    assert audit(good) == [f"wallet {WALLET} has 50 leased, its open pools have 100"]


def test_a_pool_that_posted_more_than_it_was_granted_is_found(good):
    good.books.pools = [pool(posted_n=101, returned_n=0)]

    assert audit(good) == [f"pool {WALLET} of generation 1 posted 101 of 100"]


def test_a_limit_that_was_passed_is_found_in_its_period(good):
    spent_n = FULL_N + CUT_N + DEAD_N
    midnight = datetime(2025, 8, 30, tzinfo=UTC)
    keys = frozenset({KEY})

    def findings(limit_n, **period):
        return audit(again(good, caps=[Cap(label="key K", keys=keys, limit_n=limit_n, **period)]))

    assert findings(spent_n) == findings(0, until=midnight) == []
    assert findings(spent_n - 1, since=midnight) == [f"key K spent {spent_n} of {spent_n - 1}, 1 too much"]


def test_the_auditor_shares_no_code_with_the_product():
    product = {"app", "proxy", "worker", "core", "cli", "dev", "simulator"}
    todo, read = ["auditor"], set()
    while todo:
        name = todo.pop()
        read.add(name)
        for node in ast.walk(ast.parse((HERE / f"{name}.py").read_text())):
            named = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            named += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not {module.split(".")[0] for module in named} & product, (name, named)
            ours = [module.removeprefix("tests.chaos.") for module in named if module.startswith("tests.")]
            todo += [module for module in ours if module not in read]

    assert read == {"auditor", "books", "client", "truth", "wire"}
