"""Money: whole nano-dollars (1e-9 USD). No float takes part in arithmetic on money.

Prices are nano-dollars per million units (`RatePerMillion`), so that USD 0.15 per 1M tokens is
150_000_000 and a fraction of a nano-dollar per token is still exact.
"""

from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow
from typing import NewType

Nanos = NewType("Nanos", int)
RatePerMillion = NewType("RatePerMillion", int)

NANOS_PER_USD = 1_000_000_000
MAX_USD = Decimal(9_000_000)  # below 2^53 nano-dollars: what a Lua script can hold exactly


# Shifts a decimal point without ever rounding: a number with more digits than this is refused.
EXACT = Context(prec=100, traps=[Inexact, InvalidOperation, Overflow])


def parse_usd(text: str) -> Nanos:
    """Read an amount of dollars such as "0.15" exactly.

    Raises ValueError for what is no plain decimal, has more than nine decimal places, or is out of range.
    """
    try:
        amount = plain_decimal(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not an amount of dollars, such as 12.50") from None
    if not -MAX_USD <= amount <= MAX_USD:
        raise ValueError(f"{text[:40]!r} is out of range: at most {MAX_USD:,} dollars")
    try:
        nanos = EXACT.scaleb(amount, 9)
    except DecimalException:
        nanos = None
    if nanos is None or nanos != nanos.to_integral_value():
        raise ValueError(f"{text[:40]!r} has more than nine decimal places")
    return Nanos(int(nanos))


def plain_decimal(text: str) -> Decimal:
    """A finite number in ASCII digits. Raises ValueError for NaN, Infinity, "1_000" and other alphabets."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("not a number") from None
    if not value.is_finite() or not text.isascii() or "_" in text:
        raise ValueError("not a plain number")
    return value


def usd(nanos: int) -> Decimal:
    """The exact dollars of an amount, for JSON and pages: 1_100_000 is Decimal("0.0011")."""
    if nanos % NANOS_PER_USD == 0:
        return Decimal(nanos // NANOS_PER_USD)
    return Decimal(nanos).scaleb(-9).normalize()


def write_usd(nanos: int) -> str:
    """The same as a JSON number, for where it is written often: a tenth of what a Decimal takes."""
    if nanos < 0:
        return "-" + write_usd(-nanos)
    dollars, rest = divmod(nanos, NANOS_PER_USD)
    return f"{dollars}.{rest:09d}".rstrip("0") if rest else str(dollars)


def format_usd(nanos: int, *, places: int = 2) -> str:
    """Write an amount for people, exact to the nano-dollar: "$1.10", "$0.00012345", "-$3.00".

    At least `places` decimals are shown; more follow while they matter.
    """
    sign, whole = ("-" if nanos < 0 else ""), abs(nanos)
    dollars, rest = divmod(whole, NANOS_PER_USD)
    decimals = f"{rest:09d}".rstrip("0").ljust(places, "0")
    return f"{sign}${dollars:,}" + (f".{decimals}" if decimals else "")


def divide_up(numerator: int, denominator: int) -> int:
    """Divide and round up: the one rounding of a price, in favour of the books."""
    return -(-numerator // denominator)
