"""How many tries upstream calls may take: so that an outage does not multiply the load."""

from dataclasses import dataclass

TRIES = 4  # of one call, all offers and models together
RETRY_COSTS = 5  # calls that must come for one retry: one call in five, 20 %
BURST = 20  # retries that may be saved up


@dataclass(frozen=True, slots=True)
class Retries:
    """What is saved up, in calls. It begins full."""

    saved: int = BURST * RETRY_COSTS


def called(retries: Retries) -> Retries:
    """After one more call began."""
    return retries if retries.saved >= BURST * RETRY_COSTS else Retries(retries.saved + 1)


def retried(retries: Retries) -> Retries | None:
    """After one retry more; None where there is none to spare."""
    return None if retries.saved < RETRY_COSTS else Retries(retries.saved - RETRY_COSTS)
