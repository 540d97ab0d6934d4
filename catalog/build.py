"""Make `models.json` and `report.md` from public price data: `python -m catalog.build`.

The same inputs give the same bytes. A broken rule stops the build, names the model and writes nothing.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from catalog.genai_prices_check import compare
from catalog.litellm_prices import Row
from catalog.names import upstream_name
from catalog.providers import PROVIDERS, Provider
from catalog.report import LeftOut, report
from catalog.rows import model_of
from catalog.rules import faults
from catalog.selection import Model, why_not_listed, why_not_read, without_dated
from catalog.sources import AS_OF, LITELLM_VERSION, fetch_litellm, source_lines

FOLDER = Path(__file__).parent


def models_of(table: Mapping[str, Any], *, as_of: date) -> tuple[list[Model], list[LeftOut]]:
    """Pick and convert the models of every provider; an id is listed at the first provider that has it."""
    listed: dict[str, Model] = {}
    left_out: list[LeftOut] = []
    for provider in PROVIDERS:
        found, refused = _models_at(provider, table, as_of=as_of)
        left_out += refused
        for model in found:
            if model["id"] in listed:
                left_out.append(LeftOut(provider.name, model["upstream_model"], "listed at another provider"))
            else:
                listed[model["id"]] = model
    return [listed[found] for found in sorted(listed)], left_out


def catalogue(models: list[Model], *, as_of: date, sources: list[Mapping[str, str]]) -> str:
    """Write the catalogue as JSON with one model a line, so that a change of price is one line of a diff."""
    used = {model["provider"] for model in models}
    providers = [_provider_line(provider) for provider in PROVIDERS if provider.name in used]
    head = {"as_of": as_of.isoformat(), "sources": sources}
    parts = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    parts += [f'"providers": {_lines(providers)}', f'"models": {_lines(models)}']
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(arguments: list[str], *, fetch: Callable[[str], Mapping[str, Any]] = fetch_litellm) -> int:
    """Build the catalogue; 1 when a rule is broken."""
    asked = _parser().parse_args(arguments)
    as_of = date.fromisoformat(asked.as_of)
    models, left_out = models_of(fetch(asked.litellm), as_of=as_of)
    if broken := faults(models):
        sys.stderr.write("\n".join([*broken, f"{len(broken)} rules broken, nothing written", ""]))
        return 1
    both, differences = compare(models, as_of=as_of)
    sources = source_lines(asked.litellm, version("genai-prices"))
    asked.out.joinpath("models.json").write_text(
        catalogue(models, as_of=as_of, sources=sources), encoding="utf-8"
    )
    text = report(models, left_out, compared=both, differences=differences, as_of=as_of, sources=sources)
    asked.out.joinpath("report.md").write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(models)} models written, {len(differences)} prices differ, see report.md\n")
    return 0


def _models_at(
    provider: Provider, table: Mapping[str, Any], *, as_of: date
) -> tuple[list[Model], list[LeftOut]]:
    found: dict[str, Model] = {}
    left_out = []
    for key, row in _rows_of(provider, table):
        upstream = upstream_name(provider, key)
        why = why_not_read(provider.name, upstream, row, as_of=as_of)
        if not why:
            model = model_of(provider, key, row, as_of=as_of.isoformat())
            why = why_not_listed(model, hosted=not provider.author)
        if not why and model["id"] in found:
            why = "another spelling of a listed name"
        if why:
            left_out.append(LeftOut(provider.name, upstream, why))
        else:
            found[model["id"]] = model
    kept, doubles = without_dated(found.values())
    reason = "dated name of a listed alias at the same price"
    return kept, left_out + [LeftOut(provider.name, model["upstream_model"], reason) for model in doubles]


def _rows_of(provider: Provider, table: Mapping[str, Any]) -> list[tuple[str, Row]]:
    """Find the provider's rows, newest date first, so that the order in the source does not matter."""
    return [
        (key, table[key])
        for name in provider.litellm
        for key in sorted(table, reverse=True)
        if table[key].get("litellm_provider") == name
    ]


def _provider_line(provider: Provider) -> dict[str, str]:
    return {
        "name": provider.name,
        "title": provider.title,
        "kind": provider.kind,
        "base_url": provider.base_url,
        "key_env": provider.key_env,
    }


def _lines(items: list[Any]) -> str:
    return "[\n" + ",\n".join(json.dumps(item, ensure_ascii=False) for item in items) + "\n]"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m catalog.build", description="Make catalog/models.json.")
    parser.add_argument("--litellm", default=LITELLM_VERSION, help="version of litellm to read (%(default)s)")
    parser.add_argument("--as-of", default=AS_OF, help="day the prices count for, YYYY-MM-DD (%(default)s)")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write to")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
