"""How figures and times are written on a page. Amounts are exact to the nano-dollar, always."""

from datetime import date, datetime

from flask import Flask
from flask_babel import format_date, format_datetime, format_decimal
from markupsafe import Markup

from core.money import format_usd

# A dollar amount has two parts to the eye: what one reads at a glance, and the rest that makes it exact.
GLANCE_DECIMALS = 2
NANO_DECIMALS = 9


def install(app: Flask) -> None:
    app.jinja_env.filters.update(usd=usd, usd_exact=usd_exact, usd_parts=usd_parts, usd_change=usd_change)
    app.jinja_env.filters.update(number=number, day=day, moment=moment, seconds=seconds)


def usd(nanos: int) -> str:
    """An amount with at least two decimals, and as many more as it has: $12.50, $0.00012345."""
    return format_usd(nanos, places=GLANCE_DECIMALS)


def usd_exact(nanos: int) -> str:
    """An amount with all nine decimals, so that a column of them lines up: $0.000123450."""
    return format_usd(nanos, places=NANO_DECIMALS)


def usd_parts(nanos: int) -> tuple[str, str]:
    """An amount cut after its cents: ("$12.34", "5678901"); the second part may be empty."""
    text = usd(nanos)
    cut = text.index(".") + 1 + GLANCE_DECIMALS
    return text[:cut], text[cut:]


def usd_change(nanos: int) -> str:
    """A change of a balance, all nine decimals, its sign always said."""
    return ("+" if nanos > 0 else "") + usd_exact(nanos)


def number(value: int) -> str:
    """A count, grouped the reader's way."""
    return str(format_decimal(value))


def day(on: date) -> str:
    return str(format_date(on, "d MMMM yyyy"))


def moment(at: datetime, pattern: str = "d MMM, HH:mm:ss") -> Markup:
    """A time in UTC, machine-readable as well."""
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        at.isoformat(), format_datetime(at, "yyyy-MM-dd HH:mm:ss"), format_datetime(at, pattern)
    )


def seconds(milliseconds: int) -> str:
    """A duration for people: 412 ms, 3.1 s."""
    if milliseconds < 1000:  # noqa: PLR2004
        return f"{number(milliseconds)} ms"
    return f"{format_decimal(milliseconds / 1000, '#,##0.0')} s"
