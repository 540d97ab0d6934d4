from datetime import UTC, datetime
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ids import uuid7
from core.rules.prices import Cost, PriceCard, Terms, Usage
from proxy.catalog import Model, Offer, Provider, Snapshot
from proxy.chat_call import ChatCall
from proxy.formats.embeddings.call import EmbeddingsCall
from proxy.meter import Meter, Paid
from proxy.plan import plan_chat

RATES = {"input": 1_000_000_000, "output": 2_000_000_000}


def model(*, context=8192, max_output=None, cards=(RATES,), **fields):
    offers = tuple(
        Offer(
            Provider(uuid4(), f"p{i}", "openai", "http://x", True, "k"),
            "theirs",
            PriceCard(str(uuid7()), rates),
        )
        for i, rates in enumerate(cards)
    )
    made = {
        "id": "acme/tiny", "name": "tiny", "mode": "chat", "context": context, "max_output": max_output,
        "input_modalities": ("text",), "output_modalities": ("text",), "supported_parameters": (), "terms": Terms(),
        "created_at": datetime.now(UTC), "card": offers[0].card if offers else None, "offers": offers, **fields,
    }  # fmt: skip
    return Model(**made)


def plan(
    of=None, *, body=b'{"model": "acme/tiny", "messages": [{"role": "user", "content": "Hello"}]}', **limits
):
    of = of or model()
    bounds = {"output_cap": 131_072, "slice_tokens": 2048, **limits}
    return plan_chat(ChatCall.parse(body), Snapshot(1, {of.id: of}), **bounds)


def meter(*, hold_n=None, **options):
    made = plan(**options)
    started = Meter(made, made.want.full_n if hold_n is None else hold_n)
    started.offer = made.offers[0]
    return started


def test_a_call_that_was_never_sent_costs_nothing():
    unsent = meter()
    unsent.offer = None

    assert unsent.ending().cost.charge_n == 0
    assert unsent.cost_so_far().charge_n == 0


def test_what_the_provider_states_is_what_is_billed():
    told = meter()
    told.produce(400)
    told.reported = Usage(input_tokens=10, output_tokens=100)

    ending = told.ending()

    assert ending.cost.upstream_n == 10 * 1000 + 100 * 2000
    assert ending.cost.charge_n == 231_000
    assert (ending.estimated, ending.disputed) == (False, False)


def test_without_a_word_of_the_provider_what_was_seen_is_billed():
    untold = meter()
    untold.produce(401)

    ending = untold.ending()

    assert ending.estimated
    assert ending.usage.output_tokens == 101
    assert ending.usage.input_tokens == untold.plan.input.estimate
    assert ending.cost.charge_n > 0


def test_an_estimate_never_passes_the_hold():
    long = meter(hold_n=1000)
    long.produce(1_000_000)

    assert long.ending().cost.charge_n == 1000


@pytest.mark.parametrize(
    ("produced", "stated", "estimated", "disputed"),
    [
        (400, Usage(input_tokens=10, output_tokens=0), True, True),
        (0, Usage(input_tokens=10, output_tokens=0), False, False),
        (4000, Usage(input_tokens=10, output_tokens=1000), False, False),
        (4, Usage(input_tokens=10, output_tokens=2000), False, True),
        (40_000, Usage(input_tokens=10, output_tokens=100), False, True),
        (4, Usage(input_tokens=10, output_tokens=2000, reasoning_tokens=1999), False, False),
        (40_000, Usage(input_tokens=10, output_tokens=2000, reasoning_tokens=1999), False, True),
        (40_000, Usage(input_tokens=10, output_tokens=3000, reasoning_tokens=2999), False, False),
        (4, Usage(input_tokens=10_000_000, output_tokens=1), True, True),
        (4, Usage(input_tokens=10, output_tokens=2**31 - 1), True, True),
        (0, Usage(input_tokens=10, output_tokens=2**31 - 1), False, False),
    ],
)
def test_what_can_hardly_be_is_disputed_and_a_denial_is_not_believed(produced, stated, estimated, disputed):
    told = meter()
    told.produce(produced)
    told.reported = stated

    ending = told.ending()

    assert (ending.estimated, ending.disputed) == (estimated, disputed)


# 100 tokens are asked for. Input is 1,000 nano-dollars a token, output 2,000, and there are 10 % fee.
ASKED = b'{"model": "acme/tiny", "max_tokens": 100, "messages": [{"role": "user", "content": "Hello, how are you?"}]}'


def stated_of_a_whole_answer(usage, **facts):
    """The meter of an answer of 100 tokens that came to its end, of which this is stated."""
    told = meter(body=ASKED)
    told.produce(400)
    told.finish_reason, told.reported = "stop", usage
    told.whole()
    for name, value in facts.items():
        setattr(told, name, value)
    return told


def test_a_whole_answer_may_cost_more_than_was_held_where_that_can_be():
    """A tokenizer that makes a token of every byte; thoughts that nobody sees, beside what was asked for."""
    dense = stated_of_a_whole_answer(Usage(input_tokens=0, output_tokens=100))
    most = 2 * dense.plan.input.at_most
    dense.reported = Usage(input_tokens=most, output_tokens=100)
    thought = stated_of_a_whole_answer(Usage(input_tokens=10, output_tokens=5100, reasoning_tokens=5000))

    assert dense.ending().cost.charge_n == (most * 1000 + 100 * 2000) * 11 // 10 > dense.hold_n
    assert thought.ending().cost.charge_n == (10 * 1000 + 5100 * 2000) * 11 // 10 > thought.hold_n
    assert (dense.ending().disputed, thought.ending().disputed) == (True, True)
    assert (dense.ending().estimated, thought.ending().estimated) == (False, False)


THOUGHT = Usage(input_tokens=10, output_tokens=5100, reasoning_tokens=5000)


@pytest.mark.parametrize(
    ("usage", "facts"),
    [
        (THOUGHT, {"is_whole": False}),
        (THOUGHT, {"is_odd": True}),
        (THOUGHT, {"reason": "client_gone"}),
        (THOUGHT, {"reason": "upstream_cut"}),
        (THOUGHT, {"reason": "out_of_money"}),
        (THOUGHT, {"produced_bytes": 200_000}),  # and still nearly nothing but thoughts are stated
        (Usage(input_tokens=5000, output_tokens=100), {}),  # of some 80 bytes
        (Usage(input_tokens=10, output_tokens=200), {}),  # of 100 that were asked for
        (Usage(input_tokens=10, output_tokens=5100), {}),
        (Usage(input_tokens=10, output_tokens=5100, reasoning_tokens=4900), {}),
    ],
)
def test_anything_else_costs_at_most_what_was_held(usage, facts):
    told = stated_of_a_whole_answer(usage, **facts)

    ending = told.ending()

    assert ending.cost.charge_n == told.hold_n
    assert ending.cost.upstream_n > told.hold_n * 10 // 11
    assert (ending.usage, ending.estimated, ending.disputed) == (usage, False, True)


def test_nothing_is_odd_about_what_costs_no_more_than_was_held():
    told = stated_of_a_whole_answer(Usage(input_tokens=10, output_tokens=100), is_whole=False, is_odd=True)

    ending = told.ending()

    assert ending.cost.charge_n == (10 * 1000 + 100 * 2000) * 11 // 10
    assert not ending.disputed


def test_an_answer_that_does_not_say_that_it_is_over_is_not_whole():
    silent, said, vectors_came = meter(), meter(), vectors()
    said.finish_reason = "stop"
    vectors_came.answered()

    for one in (silent, said, vectors_came):
        one.whole()

    assert [one.is_whole for one in (silent, said, vectors_came)] == [False, True, True]
    said.begin(said.plan)
    assert not said.is_whole


@settings(max_examples=500, deadline=None)
@given(
    usage=st.builds(
        Usage, **dict.fromkeys(("input_tokens", "output_tokens", "reasoning_tokens"), st.integers(0, 20_000))
    ),
    produced=st.integers(0, 5000),
    hold_n=st.integers(0, 10**6),
    facts=st.sampled_from([{}, {"is_whole": False}, {"is_odd": True}, {"reason": "client_gone"}]),
)
def test_above_the_hold_is_charged_only_for_whole_answers(usage, produced, hold_n, facts):
    told = stated_of_a_whole_answer(usage, produced_bytes=produced, hold_n=hold_n, **facts)

    charge_n = told.ending().cost.charge_n

    assert charge_n <= hold_n or not facts


def test_who_leaves_once_the_answer_began_pays_for_what_went_in():
    left, unrelayed, cut = meter(), meter(), meter()
    left.is_relayed = cut.is_relayed = True
    left.end("client_gone", status=499)
    unrelayed.end("client_gone", status=499)
    cut.end("upstream_cut", status=502)

    endings = [one.ending() for one in (left, unrelayed, cut)]

    input_n = left.plan.input.estimate * 1100
    assert [ending.cost.charge_n for ending in endings] == [input_n, 0, 0]
    assert (endings[0].estimated, endings[0].usage.output_tokens) == (True, 0)


def test_nobody_pays_for_a_number_that_cannot_be():
    told = meter()
    told.produce(400)
    told.known = Usage(input_tokens=2**31 - 1, output_tokens=1)
    told.reported = Usage(input_tokens=10, output_tokens=2**31 - 1)

    ending = told.ending()

    assert ending.usage == Usage(input_tokens=told.plan.input.estimate, output_tokens=100)
    assert ending.cost.upstream_n == told.plan.input.estimate * 1000 + 100 * 2000
    assert ending.cost.charge_n <= told.hold_n


def test_a_partial_hold_asks_for_more_at_half_and_is_used_up_at_the_end():
    partial = meter(hold_n=220_000)  # 100 tokens
    assert partial.is_partial()
    assert not partial.wants_more()

    partial.produce(4 * 50)
    assert partial.wants_more()
    assert not partial.is_used_up()

    partial.produce(4 * 50)
    assert partial.is_used_up()
    partial.exhausted = True
    assert not partial.wants_more()


def test_a_partial_hold_is_used_up_by_the_input_the_provider_states_sooner_than_by_what_we_guess():
    partial = meter(hold_n=220_000)  # 200 of input, or 100 of output

    partial.known = Usage(input_tokens=150, output_tokens=1, reasoning_tokens=1)
    assert partial.wants_more()
    assert not partial.is_used_up()

    partial.produce(4 * 25)
    assert partial.is_used_up()
    assert partial.ample_bytes() == 0


def test_a_whole_hold_never_asks_for_more():
    whole = meter()
    whole.produce(10**7)

    assert not whole.wants_more()
    assert not whole.is_used_up()
    assert whole.is_overrun()


@settings(max_examples=300, deadline=None)
@given(
    rates=st.fixed_dictionaries({"input": st.integers(0, 10**12), "output": st.integers(0, 10**12)}),
    hold_n=st.integers(0, 10**10),
    exhausted=st.booleans(),
    paid_n=st.sampled_from([0, 1, 10**6]),
)
def test_up_to_what_is_ample_there_is_nothing_to_do(rates, hold_n, exhausted, paid_n):
    asked = meter(of=model(cards=(rates,)), hold_n=hold_n)
    asked.paid = Paid("reader", 1, Cost(paid_n, paid_n))
    asked.exhausted = exhausted
    ample = asked.ample_bytes()

    for produced in {0, ample // 2, ample - 1, ample}:
        if 0 < produced <= ample:
            asked.produced_bytes = produced
            assert not any((asked.wants_more(), asked.is_used_up(), asked.is_overrun()))


def test_what_is_ample_is_nearly_all_there_is():
    partial, whole = meter(hold_n=220_000), meter()

    partial.produced_bytes = partial.ample_bytes() + 4 * 2
    whole.produced_bytes = whole.ample_bytes() + 1

    assert partial.wants_more()
    assert whole.is_overrun()


PAGES = Paid("reader", 2, Cost(4000, 4400))


def test_what_was_paid_before_is_billed_beside_what_the_model_costs():
    told = meter()
    told.paid = PAGES
    told.produce(400)
    assert told.cost_so_far().upstream_n > 4000 + 100 * 2000

    told.reported = Usage(input_tokens=10, output_tokens=100)
    ending = told.ending()

    assert ending.cost == Cost(4000 + 10 * 1000 + 100 * 2000, 4400 + 231_000)
    assert (ending.file_parser_n, ending.provider, ending.disputed) == (4000, "p0", False)


@pytest.mark.parametrize("reason", ["upstream_failed", "client_gone", "bad_request"])
def test_what_was_paid_before_is_billed_whatever_comes_after(reason):
    failed = meter()
    failed.offer, failed.paid = None, PAGES
    assert failed.cost_so_far() == PAGES.cost

    failed.end(reason, status=500)
    ending = failed.ending()

    assert (ending.cost, ending.provider, ending.usage) == (PAGES.cost, "reader", Usage())


def test_what_was_paid_before_leaves_that_much_less_to_produce_with():
    plain, paid = meter(hold_n=220_000), meter(hold_n=224_400)
    paid.paid = PAGES

    for one in (plain, paid):
        while not one.is_used_up():
            one.produce(4)

    assert paid.produced_bytes == plain.produced_bytes
    assert paid.cost_so_far().charge_n == 224_400


def test_a_dispute_over_what_was_paid_before_is_one_over_the_call():
    told = meter()
    told.paid = msgspec.structs.replace(PAGES, disputed=True)

    assert told.ending().disputed


def test_the_first_word_on_how_a_call_ended_stands():
    ended = meter()

    ended.end("client_gone", status=499)
    ended.end("internal_error", status=500)

    assert (ended.ending().reason, ended.ending().status) == ("client_gone", 499)


def test_another_offer_begins_with_nothing_produced():
    moved = meter()
    moved.produce(400)
    moved.finish_reason, moved.reported = "stop", Usage(input_tokens=10, output_tokens=100)
    moved.known = moved.reported
    other = plan(model(id="acme/large"), body=b'{"model": "acme/large", "messages": [{"role": "user"}]}')

    moved.begin(other)

    assert (moved.offer, moved.produced_bytes, moved.known, moved.reported) == (None, 0, None, None)
    assert (moved.finish_reason, moved.first_byte, moved.plan) == (None, None, other)
    assert moved.ending().cost.charge_n == 0


def test_a_call_is_booked_under_the_model_that_served_it_and_of_none_under_that_it_named():
    served, failed = meter(), meter()
    failed.end("upstream_failed", status=502)

    assert (served.ending().model_id, failed.ending().model_id) == ("acme/tiny", None)


EMBEDDINGS = EmbeddingsCall.parse(b'{"model": "acme/tiny", "input": "Hello, you."}')


def vectors():
    made = plan_chat(
        EMBEDDINGS, Snapshot(1, {"acme/tiny": model(mode="embedding")}), output_cap=131_072, slice_tokens=2048
    )
    started = Meter(made, made.want.full_n)
    started.offer = made.offers[0]
    return started


def test_an_answer_without_text_is_billed_by_the_input_its_provider_states():
    told = vectors()
    told.answered()
    told.reported = Usage(input_tokens=4)

    ending = told.ending()

    # 4 tokens at 1,000 nano-dollars, and 10 % fee.
    assert (ending.cost.charge_n, ending.estimated, ending.disputed) == (4400, False, False)
    assert ending.first_byte_ms is not None


def test_an_answer_without_text_whose_provider_states_nothing_is_estimated():
    silent = vectors()
    silent.answered()

    ending = silent.ending()

    # 11 bytes, four a token.
    assert (ending.usage, ending.cost.charge_n, ending.estimated) == (Usage(input_tokens=3), 3300, True)


def test_an_answer_another_offer_stood_in_for_is_none():
    first = vectors()
    first.answered()
    first.begin(first.plan)
    first.offer = first.plan.offers[0]

    assert first.ending().cost.charge_n == 0
