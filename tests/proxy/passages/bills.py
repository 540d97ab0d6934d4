"""What tests of passages stand on: a call, its meter, and what it came to."""

from datetime import UTC, datetime
from uuid import UUID

from core.charging.calls import Call, Caller
from proxy.formats.format import Bill
from proxy.meter import Meter
from tests.proxy.test_meter import meter as new_meter

CALL_ID = UUID("01a20000-0000-7000-8000-000000000001")


def a_call() -> Call:
    user = UUID(int=1)
    caller = Caller(UUID(int=2), 1, UUID(int=3), 1, 0, user)
    plan = new_meter().plan
    return Call(
        CALL_ID, caller, "acme/tiny", plan.offers[0].card.id, True, "", "", plan.want, datetime.now(UTC)
    )


def a_meter() -> Meter:
    """Of a call at 1 dollar for a million tokens in and 2 for a million out, and 10 % fee."""
    return new_meter()


def the_bill(meter: Meter) -> Bill:
    """What it comes to when it ends now."""
    ending = meter.ending()
    return Bill(ending, int(ending.cost.charge_n))
