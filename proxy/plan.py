"""The plan of a call: which models and offers may serve it, what it may cost at most. Pure; no I/O."""

import msgspec

from core.errors import BadRequest, Refused, Unavailable
from core.money import Nanos
from core.rules.admission import Want
from core.rules.prices import plain_price, worst_charge
from core.rules.reserve import InputSize
from proxy.catalog import Model, Offer, Snapshot
from proxy.model_call import ModelCall
from proxy.routing.order import who_may_serve
from proxy.routing.preferences import NONE, Preferences

FLOOR_TOKENS = 16  # an answer shorter than this is not worth starting
OPEN_ENDED = 8192  # output bound of a model about which nothing is known
EXPECTED_TOKENS = 500  # of one choice: what offers are compared by, and nothing is held or charged by


class Plan(msgspec.Struct, frozen=True):
    """How a call is to be served. `output_tokens` bounds the output of all choices together.

    A model a call may fall back on has a plan of its own. What they want is one: it covers the dearest.
    """

    model: Model
    offers: tuple[Offer, ...]
    input: InputSize
    output_tokens: int
    choices: int
    want: Want
    max_tokens_name: str
    preferences: Preferences = NONE
    fallbacks: tuple["Plan", ...] = ()
    extra_n: Nanos = Nanos(0)  # part of what it wants: charged beside the tokens

    @property
    def models(self) -> tuple["Plan", ...]:
        """The plans of all models that may serve the call, in the order they are to be tried."""
        return (self, *self.fallbacks)

    @property
    def most_tokens(self) -> int:
        """The most tokens the call may count, whichever model serves it."""
        return max([plan.input.at_most + plan.output_tokens for plan in self.models])

    def expected_price(self, offer: Offer) -> int:
        """What this offer takes if input and answer are what is expected: to compare offers by."""
        output = min(self.output_tokens, EXPECTED_TOKENS * self.choices)
        return plain_price(offer.card, input_tokens=self.input.estimate, output_tokens=output)

    def affordable_tokens(self, hold_n: int) -> int:
        """How many output tokens a hold pays for, all choices together, beside the whole input."""
        low, high = 0, self.output_tokens
        while low < high:
            middle = (low + high + 1) // 2
            if self.worst_n(middle) <= hold_n:
                low = middle
            else:
                high = middle - 1
        return low

    def worst_n(self, output_tokens: int) -> Nanos:
        """The most the call costs with this much output, whichever offer serves it (charge)."""
        cards = [offer.card for offer in self.offers]
        size, terms = self.input.at_most, self.model.terms
        tokens_n = worst_charge(cards, input_tokens=size, output_tokens=output_tokens, terms=terms)
        return Nanos(tokens_n + self.extra_n)

    def measured(self, call: ModelCall) -> "Plan":
        """The plan of a call that says by now what it had only bounds for. What it wants stays, as held."""
        fallbacks = tuple(plan.measured(call) for plan in self.fallbacks)
        size = call.input_size(self.model.context, image_tokens=self.model.image_tokens)
        return msgspec.structs.replace(self, input=size, extra_n=call.extra_n, fallbacks=fallbacks)


class NobodyFits(BadRequest):
    """The client accepts none of the offers there are."""


def plan_chat(call: ModelCall, snapshot: Snapshot, *, output_cap: int, slice_tokens: int) -> Plan:
    """Plan a call. Raises a refusal when a model is unknown, unpriced or does not fit.

    Of several models those are left out that nobody serves; when none is left, the first one's refusal holds.
    """
    plans: list[Plan] = []
    refusals: list[Refused] = []
    for name in call.models:
        try:
            param = "model" if name == call.model else "models"
            model = snapshot.callable_model(name, modes=call.MODES, param=param)
            plans.append(_plan(call, model, output_cap=output_cap, slice_tokens=slice_tokens))
        except (Unavailable, NobodyFits) as refused:
            refusals.append(refused)
    if not plans:
        raise refusals[0]
    if len(plans) == 1:
        return plans[0]
    want = _together([plan.want for plan in plans])
    first, *others = (msgspec.structs.replace(plan, want=want) for plan in plans)
    return msgspec.structs.replace(first, fallbacks=tuple(others))


def _plan(call: ModelCall, model: Model, *, output_cap: int, slice_tokens: int) -> Plan:
    """The plan of one model."""
    size = call.input_size(model.context, image_tokens=model.image_tokens)
    _check(call, model, size)
    offers = _offers(call, model, size)
    one = call.output_bound(model_max=model.max_output, context=model.context or OPEN_ENDED, cap=output_cap)
    output = one * call.choices
    cards = [offer.card for offer in offers]

    def worst(tokens: int) -> Nanos:
        most = min(tokens, output)
        tokens_n = worst_charge(cards, input_tokens=size.at_most, output_tokens=most, terms=model.terms)
        return Nanos(tokens_n + call.extra_n)

    # A plain answer cannot be extended while it runs: it starts with all there is, up to its worst case.
    full_n = worst(output)
    slice_n = worst(slice_tokens) if call.stream else full_n
    return Plan(
        model=model,
        offers=offers,
        input=size,
        output_tokens=output,
        choices=call.choices,
        want=Want(full_n=full_n, slice_n=slice_n, floor_n=worst(FLOOR_TOKENS * call.choices)),
        max_tokens_name=call.max_tokens_name or _cap_name(model),
        preferences=call.preferences,
        extra_n=call.extra_n,
    )


def _offers(call: ModelCall, model: Model, size: InputSize) -> tuple[Offer, ...]:
    """The offers the client accepts."""
    offers = who_may_serve(model.offers, call.preferences, input_tokens=size.at_most)
    if not offers:
        raise NobodyFits(
            f"No provider of {model.id} fits what provider asks for. Ask for less, or leave it out.",
            param="provider",
        )
    return offers


def _together(wants: list[Want]) -> Want:
    """What covers each of them."""
    return Want(
        full_n=max([want.full_n for want in wants]),
        slice_n=max([want.slice_n for want in wants]),
        floor_n=max([want.floor_n for want in wants]),
    )


def _check(call: ModelCall, model: Model, size: InputSize) -> None:
    """Refuse what this model cannot do, or what has no bound with it."""
    for modality in call.modalities:
        if modality not in model.output_modalities:
            raise BadRequest(f"{model.id} does not produce {modality[:40]}.", param="modalities")
    if not size.is_bounded:
        raise BadRequest(
            f"{model.id} has no stated context, so files, audio and video have no bound there. Send text and "
            "images, or ask the operator to state its context.",
            param="messages",
        )


def _cap_name(model: Model) -> str:
    newer = "max_completion_tokens"
    return newer if newer in model.supported_parameters else "max_tokens"
