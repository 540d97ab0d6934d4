"""Where the bars of a chart stand. Templates only draw what is worked out here.

Across, everything is a percentage, so that a chart fits any width and its text keeps its size; down, it is
pixels. Amounts stay whole nano-dollars until they become a height.
"""

from collections.abc import Sequence
from dataclasses import dataclass

# The attributes of the shapes, for where no style sheet reaches (a PDF); pages colour by class s1 to s6.
FILLS = ("#0d6b5c", "#dc9427", "#4d5fb8", "#bd5b40", "#84508a", "#bbb3a4")
HEIGHT = 200
TOP = 8
GAP = 0.3
MOST_LABELS = 8
# A chart of nothing still has a scale: one cent.
EMPTY_TOP = 10_000_000
STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of a stack: its name and one amount per column, in nano-dollars."""

    name: str
    amounts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    y: float
    height: float
    css: str
    fill: str


@dataclass(frozen=True, slots=True)
class Column:
    label: str
    shown: bool
    minor: bool
    x: float
    slot: float
    bar_x: float
    bar_width: float
    middle: float
    amounts: tuple[int, ...]
    total: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class GridLine:
    y: float
    amount: int


@dataclass(frozen=True, slots=True)
class BarChart:
    """A finished drawing. `baseline` is where the bars stand, in pixels from the top."""

    columns: tuple[Column, ...]
    grid: tuple[GridLine, ...]
    legend: tuple[tuple[str, str, str], ...]
    height: int
    baseline: int
    total: int


def bar_chart(labels: Sequence[str], series: Sequence[Series]) -> BarChart:
    """Lay out stacked bars, one column per label, the first series at the bottom."""
    totals = [sum(one.amounts[i] for one in series) for i in range(len(labels))]
    highest = max(totals, default=0) or EMPTY_TOP
    step = grid_step(highest)
    top = step * -(-highest // step)
    columns = tuple(_column(i, labels, series, top=top) for i in range(len(labels)))
    return BarChart(
        columns=columns,
        grid=tuple(GridLine(y=_y(amount, top), amount=amount) for amount in range(0, top + 1, step)),
        legend=tuple((one.name, *_colour(i)) for i, one in enumerate(series)),
        height=HEIGHT + TOP + 24,
        baseline=HEIGHT + TOP,
        total=sum(totals),
    )


def grid_step(highest: int) -> int:
    """The round distance of grid lines, 1, 2 or 5 times a power of ten, that gives two to four of them."""
    power = 1
    while True:
        for step in STEPS:
            if step * power * 4 >= highest:
                return step * power
        power *= 10


def _column(i: int, labels: Sequence[str], series: Sequence[Series], *, top: int) -> Column:
    slot = 100 / len(labels)
    amounts = tuple(one.amounts[i] for one in series)
    every = -(-len(labels) // MOST_LABELS)
    return Column(
        label=labels[i],
        # Counted from the end: the newest day always has its label.
        shown=(len(labels) - 1 - i) % every == 0,
        # Half of them are left out where the chart is narrow.
        minor=(len(labels) - 1 - i) // every % 2 == 1,
        x=round(i * slot, 3),
        slot=round(slot, 3),
        bar_x=round(i * slot + slot * GAP / 2, 3),
        bar_width=round(slot * (1 - GAP), 3),
        middle=round(i * slot + slot / 2, 3),
        amounts=amounts,
        total=sum(amounts),
        bars=_stack(amounts, top=top),
    )


def _stack(amounts: Sequence[int], *, top: int) -> tuple[Bar, ...]:
    bars, below = [], 0
    for i, amount in enumerate(amounts):
        if amount > 0:
            y = _y(below + amount, top)
            css, fill = _colour(i)
            bars.append(Bar(y=y, height=round(max(_y(below, top) - y, 1), 2), css=css, fill=fill))
        below += amount
    return tuple(bars)


def _y(amount: int, top: int) -> float:
    return round(TOP + HEIGHT - amount * HEIGHT / top, 2)


def _colour(i: int) -> tuple[str, str]:
    at = min(i, len(FILLS) - 1)
    return f"s{at + 1}", FILLS[at]
