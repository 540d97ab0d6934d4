"""`check`: proving the books."""

from dataclasses import asdict

import click

from cli.answers import Answer, table
from cli.environment import current_settings, open_engine
from cli.options import Verb
from core.charging.proof import CHECKS, prove
from core.money import format_usd


@click.command("check", cls=Verb)
def check() -> Answer:
    r"""Prove every sum of the books from the rows beneath it; exit 1 with the differences where one is wrong.

    It reads one consistent moment and may run while calls are charged.

    \b
    bazaar check
    """
    with open_engine(current_settings()) as engine:
        wrong = prove(engine)
    failed = {difference.check for difference in wrong}
    proved = [{"check": name, "proved": name not in failed} for name in CHECKS]
    data = {"ok": not wrong, "checks": proved, "differences": [asdict(difference) for difference in wrong]}
    text = "\n".join(f"{'WRONG ' if name in failed else 'proved'}  {name}" for name in CHECKS)
    if wrong:
        rows = [(d.check, d.subject, d.expected, d.found, format_usd(d.found - d.expected)) for d in wrong]
        heads = ("SUM", "OF", "EXPECTED (NANO)", "FOUND (NANO)", "OFF BY")
        text += "\n\n" + table(heads, rows, right=frozenset({2, 3, 4}))
    return Answer(data, text, exit_code=1 if wrong else 0)
