"""The plan of a call: which model and offers serve it, what it may cost at most. Pure; no I/O."""

import msgspec

from core.errors import BadRequest
from core.money import Nanos
from core.rules.admission import Want
from core.rules.prices import worst_charge
from core.rules.reserve import InputSize
from proxy.catalog import Model, Offer, Snapshot
from proxy.chat_call import ChatCall

FLOOR_TOKENS = 16  # an answer shorter than this is not worth starting
OPEN_ENDED = 8192  # output bound of a model about which nothing is known


class Plan(msgspec.Struct, frozen=True):
    """How a call is to be served. `output_tokens` bounds the output of all choices together."""

    model: Model
    offers: tuple[Offer, ...]
    input: InputSize
    output_tokens: int
    choices: int
    want: Want
    max_tokens_name: str

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
        return worst_charge(cards, input_tokens=size, output_tokens=output_tokens, terms=terms)


def plan_chat(call: ChatCall, snapshot: Snapshot, *, output_cap: int, slice_tokens: int) -> Plan:
    """Plan a chat call. Raises a refusal when its model is unknown, unpriced or does not fit."""
    model = snapshot.chat_model(call.model)
    size = call.input_size(model.context)
    _check(call, model, size)
    one = call.output_bound(model_max=model.max_output, context=model.context or OPEN_ENDED, cap=output_cap)
    output = one * call.choices

    cards = [offer.card for offer in model.offers]

    def worst(tokens: int) -> Nanos:
        most = min(tokens, output)
        return worst_charge(cards, input_tokens=size.at_most, output_tokens=most, terms=model.terms)

    # A plain answer cannot be extended while it runs: it starts with all there is, up to its worst case.
    full_n = worst(output)
    slice_n = worst(slice_tokens) if call.stream else full_n
    return Plan(
        model=model,
        offers=model.offers,
        input=size,
        output_tokens=output,
        choices=call.choices,
        want=Want(full_n=full_n, slice_n=slice_n, floor_n=worst(FLOOR_TOKENS * call.choices)),
        max_tokens_name=call.max_tokens_name or _cap_name(model),
    )


def _check(call: ChatCall, model: Model, size: InputSize) -> None:
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
