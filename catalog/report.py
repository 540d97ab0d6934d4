"""The report beside the catalogue: what is in it, what two sources disagree on, what was left out and why."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from catalog.genai_prices_check import Difference
from catalog.selection import Model

# reasons a reader may want to act on; the others are only counted
_NAMED = ("price 0 in the source", "no price", "no context length", "price finer", "wrong in the source")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row of the source that is no model of the catalogue."""

    provider: str
    upstream_model: str
    why: str


def report(
    models: Sequence[Model],
    left_out: Sequence[LeftOut],
    *,
    compared: int,
    differences: Sequence[Difference],
    as_of: date,
    sources: Sequence[Mapping[str, str]],
) -> str:
    """Write the report as Markdown."""
    names = ", ".join(f"{source['name']} {source['version']}" for source in sources)
    parts = [
        "# Catalogue report\n\nWritten by `python -m catalog.build`; do not edit.\n",
        f"As of {as_of.isoformat()}, from {names}: {len(models)} models.\n",
        _counts(models),
        _differences(differences, compared),
        _left_out(left_out, models),
    ]
    return "\n".join(parts)


def _counts(models: Sequence[Model]) -> str:
    modes = sorted({model["mode"] for model in models})
    cells = Counter((model["provider"], model["mode"]) for model in models)
    totals = Counter(model["provider"] for model in models)
    rows = [
        [provider, *(str(cells[provider, mode] or "") for mode in modes), str(totals[provider])]
        for provider in sorted(totals)
    ]
    rows.append(
        ["all", *(str(sum(cells[name, mode] for name in totals)) for mode in modes), str(len(models))]
    )
    return "## Models\n\n" + _table(["provider", *modes, "all"], rows)


def _differences(differences: Sequence[Difference], compared: int) -> str:
    models = len({difference.model for difference in differences})
    head = (
        "## Prices two sources do not agree on\n\n"
        f"genai-prices knows {compared} of the models by name "
        f"and differs on {len(differences)} prices of {models} models.\n"
        "The catalogue keeps litellm's. USD per 1M tokens.\n\n"
    )
    rows = [[one.model, one.price, one.ours, one.theirs] for one in differences]
    return head + _table(["model", "price", "litellm", "genai-prices"], rows)


def _left_out(left_out: Sequence[LeftOut], models: Sequence[Model]) -> str:
    listed = {(model["provider"], model["upstream_model"]) for model in models}
    counts = Counter(one.why for one in left_out)
    text = "## Left out\n\n" + _table(["why", "rows"], [[why, str(counts[why])] for why in sorted(counts)])
    named = {
        f"- {one.provider}: {one.upstream_model} ({one.why})\n"
        for one in left_out
        if one.why.startswith(_NAMED) and (one.provider, one.upstream_model) not in listed
    }
    return text + "\nRows an operator may want to price by hand:\n\n" + "".join(sorted(named))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
