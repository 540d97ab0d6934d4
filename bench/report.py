"""The figures of a run as tables: ratios, and what this run's own figures were."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.ours import NAME as OURS
from bench.peers import DIRECT, LITELLM, NGINX
from bench.rounds import PHASES, Measured
from bench.stats import difference, middle, ratio

DISTURBED = 0.05


@dataclass(frozen=True, slots=True)
class Level:
    """One figure our relay is held to. `bounds` are those of floor, good and target; None: there is none."""

    title: str
    bounds: tuple[float | None, float | None, float | None]
    at_least: bool = False
    unit: str = "x"

    def reached(self, value: float | None) -> str:
        if value is None:
            return "not measured"
        best = "missed"
        for name, bound in zip(("floor", "good", "target"), self.bounds, strict=True):
            if bound is not None and (value >= bound if self.at_least else value <= bound):
                best = name
        return best


CPU = Level("CPU a call, to nginx", (33, 15, 7))
RATE = Level("calls a second and core, to LiteLLM", (30, 65, 120), at_least=True)
CHUNK = Level("CPU a paced event, to nginx", (6.5, 4, 2.5))
ADDED = Level("added p99, one call at a time", (None, None, 500), unit=" us")
FIRST = Level("added to the first event, one stream", (None, None, 1000), unit=" us")


class Report:
    """Everything that was measured, and questions to it."""

    def __init__(self, rows: Sequence[Measured]) -> None:
        self.rows = [row for row in rows if not row.faults]
        self.faults = [row for row in rows if row.faults]
        self.names = list(dict.fromkeys(row.target for row in rows))
        self.others = [row.others for row in rows]

    def by_round(self, target: str, phase: str, figure: str) -> dict[int, float | None]:
        found = (row for row in self.rows if (row.target, row.phase) == (target, phase))
        return {row.round: getattr(row, figure) for row in found}

    def figure(self, target: str, phase: str, figure: str) -> float | None:
        return middle(list(self.by_round(target, phase, figure).values()))

    def ratio(self, target: str, base: str, phase: str, figure: str) -> float | None:
        return ratio(self.by_round(target, phase, figure), self.by_round(base, phase, figure))

    def added(self, target: str, phase: str, figure: str) -> float | None:
        return difference(self.by_round(target, phase, figure), self.by_round(DIRECT, phase, figure))

    def levels(self) -> dict[Level, float | None]:
        return {
            CPU: self.ratio(OURS, NGINX, "plain 16", "cpu_us"),
            RATE: self.ratio(OURS, LITELLM, "plain 16", "per_core_s"),
            CHUNK: self.ratio(OURS, NGINX, "paced 16", "cpu_us"),
            ADDED: self.added(OURS, "plain 1", "p99_us"),
            FIRST: self.added(OURS, "paced 1", "first_p50_us"),
        }

    def text(self) -> str:
        parts = [self._levels(), self._ratios(), self._latency(), self._leaning(), self._figures()]
        return "\n\n".join([*parts, *self._warnings()])

    def _levels(self) -> str:
        heads = ("what our relay is held to", "floor", "good", "target", "this run", "reached")
        rows = []
        for level, value in self.levels().items():
            sign = ">=" if level.at_least else "<="
            bounds = [f"{sign} {bound:g}" if bound is not None else "" for bound in level.bounds]
            rows.append([level.title, *bounds, shown(value, unit=level.unit), level.reached(value)])
        return table(heads, rows)

    def _ratios(self) -> str:
        """CPU and throughput of everything, to nginx and to LiteLLM."""
        asked = (
            ("CPU a call : nginx", NGINX, "plain 16", "cpu_us"),
            ("calls/s : LiteLLM", LITELLM, "plain 16", "per_core_s"),
            ("CPU a paced event : nginx", NGINX, "paced 16", "cpu_us"),
            ("CPU a paced event : LiteLLM", LITELLM, "paced 16", "cpu_us"),
            ("events/s in bursts : nginx", NGINX, "burst 16", "per_core_s"),
            ("events/s in bursts : LiteLLM", LITELLM, "burst 16", "per_core_s"),
        )
        relays = [name for name in self.names if name != DIRECT]
        rows = [
            [name, *(shown(self.ratio(name, base, phase, figure)) for _, base, phase, figure in asked)]
            for name in relays
        ]
        return table(("16 at once, for a core of the relay", *(title for title, *_ in asked)), rows)

    def _latency(self) -> str:
        """What each adds to a call that goes to the upstream directly."""
        asked = [
            (phase, figure)
            for phase in ("plain 1", "plain 16", "plain 64")
            for figure in ("p50_us", "p99_us")
        ]
        asked += [(phase, "first_p50_us") for phase in ("paced 1", "paced 16")]
        titles = [f"{phase} {figure.removesuffix('_us').replace('_', ' ')}" for phase, figure in asked]
        rows = [
            [name, *(shown(self.added(name, phase, figure)) for phase, figure in asked)]
            for name in self.names
            if name != DIRECT
        ]
        return table(("added, us", *titles), rows)

    def _leaning(self) -> str:
        """What each call costs beside the relay: stores and settlement, until everything is booked."""
        parts = sorted({part for row in self.rows for part in row.parts_us})
        rows = []
        for name in self.names:
            found = [row for row in self.rows if (row.target, row.phase) == (name, "plain 16")]
            if any(row.parts_us for row in found):
                costs = [middle([row.parts_us.get(part) for row in found]) for part in parts]
                rows.append([name, *map(shown, costs), shown(middle([row.scripts for row in found]))])
        return table(("beside the relay, CPU us a call", *parts, "scripts a call"), rows) if rows else ""

    def _figures(self) -> str:
        heads = ("this run's own figures", "load", "per s", "CPU us each", "core used", "p50 us", "p99 us")
        rows = [
            [
                name, phase.name,
                *(shown(self.figure(name, phase.name, figure))
                  for figure in ("units_per_s", "cpu_us", "cores", "p50_us", "p99_us")),
            ]
            for phase in PHASES
            for name in self.names
        ]  # fmt: skip
        return table(heads, rows)

    def _warnings(self) -> list[str]:
        said = []
        if self.faults:
            lines = [
                f"- {row.target}, {row.phase}, round {row.round + 1}: {'; '.join(row.faults)}"
                for row in self.faults
            ]
            said.append("Not counted, because not all went well:\n" + "\n".join(lines))
        most, usual = max(self.others, default=0), middle(self.others) or 0
        if most > DISTURBED:
            said.append(
                f"Others used {usual:.0%} of this machine, and up to {most:.0%}: run it again in peace."
            )
        return said


def shown(value: float | None, *, unit: str = "") -> str:
    """Three digits, which is more than such figures are good for."""
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 100 or not value else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 4
    return f"{value:,.{digits}f}{unit}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up in a terminal too."""
    widths = [max(len(line[column]) for line in (heads, *rows)) for column in range(len(heads))]
    rule = ["-" * width if column == 0 else "-" * (width - 1) + ":" for column, width in enumerate(widths)]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    return "\n".join([line(heads), line(rule), *map(line, rows)])
