"""Whom a call is sent to: one offer after another, as long as tries may be spent on it."""

from collections.abc import Iterator

import structlog

from core.rules.retries import TRIES, Retries, called, retried
from proxy.catalog import Offer
from proxy.plan import Plan
from proxy.routing.healths import Healths
from proxy.routing.order import in_order

Candidate = tuple[Plan, Offer]
_log = structlog.get_logger()


class Router:
    """The share of retries is one of this process, over all its calls."""

    def __init__(self, healths: Healths) -> None:
        self.healths = healths
        self._retries = Retries()

    def tries(self, plan: Plan) -> Iterator[Candidate]:
        """What to try next, each time it is asked, with the plan of its model. There is always a first."""
        self._retries = called(self._retries)
        if len(plan.offers) == 1 and not plan.fallbacks:  # however it stands: there is no other
            yield plan, plan.offers[0]
            return
        for number, candidate in enumerate(self._candidates(plan)):
            if number > 0 and not self._may_retry(number):
                return
            yield candidate

    def _may_retry(self, number: int) -> bool:
        left = retried(self._retries) if number < TRIES else None
        if left is None:
            _log.warning("no_further_try", tries=number, is_budget_spent=number < TRIES)
            return False
        self._retries = left
        return True

    def _candidates(self, plan: Plan) -> Iterator[Candidate]:
        """Offers that are not open, those of each model before those of the next. Where none was left, all:
        better one more try than to refuse without any.
        """
        is_last_resort = True
        for of_model in plan.models:
            for offer in self._in_order(of_model):
                if self.healths.standing(offer) != "open":  # by now: another call may have become its probe
                    is_last_resort = False
                    yield of_model, offer
                    if _is_one_enough(plan):
                        break
        if is_last_resort:
            for of_model in plan.models:
                offers = self._in_order(of_model)
                yield from ((of_model, offer) for offer in offers[: 1 if _is_one_enough(plan) else None])

    def _in_order(self, plan: Plan) -> list[Offer]:
        return in_order(plan.offers, plan.preferences, price=plan.expected_price, pace=self.healths.pace)


def _is_one_enough(plan: Plan) -> bool:
    """Say whether no other offer of a model may stand in for its first. Offers that were named all may."""
    return not plan.preferences.allow_fallbacks and not plan.preferences.order
