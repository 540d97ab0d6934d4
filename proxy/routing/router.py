"""Whom a call is sent to: one offer after another, as long as tries may be spent on it."""

from collections.abc import Awaitable, Callable, Iterator
from uuid import UUID

import structlog

from core.rules.retries import TRIES, Retries, called, retried
from proxy.catalog import Offer
from proxy.plan import Plan
from proxy.routing.healths import Attempt, Healths
from proxy.routing.order import in_order
from proxy.routing.probes import Probes

Trial = Callable[[Plan, Attempt], Awaitable[bool]]  # of an offer, by its model's plan: whether it served
_log = structlog.get_logger()


class Router:
    """The share of retries is one of this process, over all its calls."""

    def __init__(self, healths: Healths, probes: Probes) -> None:
        self.healths = healths
        self._probes = probes
        self._retries = Retries()

    async def serve(self, plan: Plan, account: UUID, trial: Trial) -> bool:
        """Try one offer after another; say whether one served. There is always a first."""
        self._retries = called(self._retries)
        if len(plan.offers) == 1 and not plan.fallbacks:  # however it stands: there is no other
            with self.healths.begin(plan.offers[0], account) as only:
                return await trial(plan, only)
        tried: list[Plan] = []  # of each try the plan of its model
        # Where none was left that is not open, all: better one more try than to refuse without any.
        for is_last_resort in (False, True):
            for of_model, offer in self._candidates(plan):
                if tried and tried[-1] is of_model and _is_one_enough(plan):
                    continue
                attempt = await self._begin(offer, account, is_last_resort=is_last_resort)
                if attempt is None:
                    continue
                with attempt:
                    if tried and not self._may_retry(len(tried)):
                        return False
                    tried.append(of_model)
                    if await trial(of_model, attempt):
                        return True
            if tried:
                return False
        return False

    def _candidates(self, plan: Plan) -> Iterator[tuple[Plan, Offer]]:
        """The offers of each model before those of the next."""
        for of_model in plan.models:
            price, pace = of_model.expected_price, self.healths.pace
            for offer in in_order(of_model.offers, of_model.preferences, price=price, pace=pace):
                yield of_model, offer

    async def _begin(self, offer: Offer, account: UUID, *, is_last_resort: bool) -> Attempt | None:
        """Begin to call an offer, unless it is open or another process probes it: then it is passed over."""
        standing = self.healths.standing(offer, account)
        if is_last_resort or standing == "healthy":
            return self.healths.begin(offer, account)
        if standing == "open":
            return None
        probe = self.healths.begin(offer, account)  # for other calls of this process it is open by now
        try:
            is_ours = await self._probes.claim(offer.name)
        except BaseException:
            probe.leave()
            raise
        if not is_ours:
            probe.give_way()
        return probe if is_ours else None

    def _may_retry(self, tries: int) -> bool:
        left = retried(self._retries) if tries < TRIES else None
        if left is None:
            _log.warning("no_further_try", tries=tries, is_budget_spent=tries < TRIES)
            return False
        self._retries = left
        return True


def _is_one_enough(plan: Plan) -> bool:
    """Say whether no other offer of a model may stand in for its first. Offers that were named all may."""
    return not plan.preferences.allow_fallbacks and not plan.preferences.order
