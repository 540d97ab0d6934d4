"""`check`: proving the books."""

from collections.abc import Sequence
from dataclasses import asdict

import click
from redis.exceptions import RedisError
from sqlalchemy import Engine

from cli.answers import Answer, table
from cli.environment import current_settings, open_engine
from cli.options import Verb
from core.charging.proof import CHECKS, Difference, prove
from core.counters.client import Counters
from core.counters.keys import bucket_keys
from core.counters.proof import CHECKS as REDIS_CHECKS
from core.counters.reconcile import Reconciled, Reconciler
from core.money import format_usd

AWAY = "Redis does not answer"
ANEW = "Redis begins anew"
HEADS = ("SUM", "OF", "EXPECTED (NANO)", "FOUND (NANO)", "OFF BY")


@click.command("check", cls=Verb)
def check() -> Answer:
    r"""Prove every sum of the books from the rows beneath it; exit 1 with the differences where one is wrong.

    It reads one consistent moment and may run while calls are charged. What Redis holds is proved with it,
    where Redis answers.

    \b
    bazaar check
    """
    settings = current_settings()
    with open_engine(settings) as engine:
        wrong = prove(engine)
        done, unchecked = _prove_redis(engine, settings.counters_url)
    wrong += done.differences
    lines = _lines(wrong, unchecked)
    data = {
        "ok": not wrong,
        "checks": lines,
        "differences": [asdict(difference) for difference in wrong],
        "wallets_in_redis": done.proved,
        "wallets_in_motion": done.in_motion,
    }
    return Answer(data, _text(lines, wrong, done), exit_code=1 if wrong else 0)


def _prove_redis(engine: Engine, url: str) -> tuple[Reconciled, str | None]:
    """What came of it, and why nothing did."""
    counters = Counters(url)
    mark = bucket_keys(0).generation
    try:
        counters.ask_all([(mark, ("GET", mark))])  # it may have no wallet, and yet be away
        done = Reconciler(engine, counters).prove()
    except RedisError:
        return Reconciled(), AWAY
    finally:
        counters.close()
    return done, ANEW if done.unknown and not done.proved else None


def _lines(wrong: Sequence[Difference], unchecked: str | None) -> list[dict[str, object]]:
    failed = {difference.check for difference in wrong}
    lines: list[dict[str, object]] = [{"check": name, "proved": name not in failed} for name in CHECKS]
    for name in REDIS_CHECKS:
        proved = {"check": name, "proved": name not in failed}
        lines.append({"check": name, "proved": None, "not_checked": unchecked} if unchecked else proved)
    return lines


def _text(lines: Sequence[dict[str, object]], wrong: Sequence[Difference], done: Reconciled) -> str:
    words = {True: "proved ", False: "WRONG  ", None: "-      "}
    text = "\n".join(
        f"{words[line['proved']]} {line['check']}"  # type: ignore[index]  # it is one of the three
        + (f" (not checked: {line['not_checked']})" if "not_checked" in line else "")
        for line in lines
    )
    if done.in_motion:
        text += f"\n\n{done.in_motion} wallets never stood still; they were proved within Redis alone."
    if wrong:
        rows = [(d.check, d.subject, d.expected, d.found, format_usd(d.found - d.expected)) for d in wrong]
        text += "\n\n" + table(HEADS, rows, right=frozenset({2, 3, 4}))
    return text
