"""The model would find it: each mistake, made on purpose, in a script or in what is around it, fails a story."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hiredis import ReplyError

from core.counters.script import Script
from tests.core.counters.books import Books, Row, Used
from tests.core.counters.clocked import SCRIPTS
from tests.core.counters.story import tell
from tests.core.counters.wire import Wire

STEPS = 12_500

# A mistake, the script it is in, what is written there, and what the mistake makes of it.
IN_SCRIPTS = [
    ("a call asked twice is admitted twice", "admit", "if again[1] then", "if false then"),
    ("a call that is over is admitted again", "admit", "== 1 then return {'DONE'} end", "== 2 then return {'DONE'} end"),
    ("another generation is not noticed", "admit", "if redis.call('GET', KEYS[8]) ~= gen then", "if not redis.call('GET', KEYS[8]) then"),
    ("counters of another generation count", "admit", "facts[1] ~= gen or ", ""),
    ("the wallet's version is not compared", "admit", "facts[2] ~= ARGV[2] or ", ""),
    ("the key's version is not compared", "admit", "or facts[3] ~= ARGV[4] then", "then"),
    ("the day is not compared", "admit", "~= ARGV[20] then return {'CLOCK'", "== 'never' then return {'CLOCK'"),
    ("a quota's window is not compared", "admit", "if ms < one.start or ms >= one.stop then", "if false then"),
    ("a missing counter is zero", "admit", "if not base and start >= since then", "if not base then"),
    ("a bound is good for ever", "admit", "not (until_ms and ms >= until_ms)", "true"),
    ("a bound refuses like a limit", "admit", "if one.bound then return", "if false then return"),
    ("one call a minute too many", "admit", "if wait > 0 then", "if wait > step then"),
    ("one call a minute too few", "admit", "if wait > 0 then", "if wait > -step then"),
    ("one call at once too many", "admit", "kept(facts[4]) >= at_once then", "kept(facts[4]) > at_once then"),
    ("a breaker opens above its threshold", "admit", "one.minute >= one.m and", "one.minute > one.m and"),
    ("a shadow refuses", "admit", "if not one.shadow then", "if true then"),
    ("a limit is reached one too early", "admit", "and left < least", "and left <= least"),
    ("a limit is passed by one", "admit", "and left < least", "and left < least - 1"),
    ("a quota is reached one too early", "admit", "return left < need[one.unit]", "return left <= need[one.unit]"),
    ("the last of a pool cannot be held", "admit", "if free < hold then", "if free <= hold then"),
    ("a lease is good for ever", "admit", "if ms >= kept(pool[4]) then", "if false then"),
    ("a pool of another generation pays", "admit", "if pool[1] ~= gen then return refuse('NOLEASE', 'none') end", ""),
    ("a call is refused after the first write", "admit", "-- 4: calls", "redis.call('HINCRBY', KEYS[4], 'n:' .. ARGV[3], '1')\n--"),
    ("a hold is not taken from the pool", "admit", "'free', str(free - hold), ", ""),
    ("a hold has no deadline", "admit", "redis.call('ZADD', KEYS[3], str(ms + ttl), ARGV[19] .. '|' .. ARGV[5])", ""),
    ("large amounts lose their digits", "admit", "return string.format('%d', number)", "return tostring(number)"),
    ("a week ends today", "admit", "and first + 6 or first", "and int(one.today) or first"),
    ("an extension passes limits", "extend", "local allowed = room(KEYS[3], subjects, quotas, more)", "local allowed = more"),
    ("an extension is not counted", "extend", "count(KEYS[3], subjects", "count(KEYS[3] .. '-', subjects"),
    ("an extension outlives its generation", "extend", "if hold[2] ~= gen or pool[1] ~= gen then", "if false then"),
    ("a checkpoint goes back", "checkpoint", "math.max(charge, int(hold[2]))", "charge"),
    ("a checkpoint is no sign of life", "checkpoint", "redis.call('ZADD'", "redis.pcall('ZSCORE'"),
    ("a call is settled twice", "settle", "  if before then", "  if false then"),
    ("nothing says that a call is over", "settle", "redis.call('HSET', KEYS[6], rid,", "redis.call('HMGET', KEYS[6], rid,"),
    ("a late final is told by its difference", "settle", "write('2', now, of", "write('2', more, of"),
    ("a sweep is final", "settle", "rank, base, final = '1',", "rank, base, final = '2',"),
    ("a late final is lost", "settle", "if parts[2] ~= '1' or kind ~= 'final' then", "if true then"),
    ("a late final of a lost generation is lost", "settle", "return math.min(charge, math.max(mine, told)) end", "return mine end"),
    ("a sweeper invents a settlement", "settle", "if kind == 'orphan' then return {'GONE'} end", ""),
    ("a sweeper does not look at the deadline", "settle", "if deadline > ms then return {'HEARD'} end", ""),
    ("a sweep charges what is held", "settle", "math.min(int(hold[4]), held)", "held"),
    ("a sweep charges nothing", "settle", "math.min(int(hold[4]), held)", "0"),
    ("a sweep charges more than is held", "settle", "math.min(int(hold[4]), held)", "int(hold[4])"),
    ("a charge counts in the period it is settled in", "settle", "local amount, rank,", "for _, one in ipairs(subjects) do one.today = str(math.floor(ms / 86400000)) end\nlocal amount, rank,"),
    ("a hold is not released", "settle", "if held ~= 0 then redis.call('HINCRBY', KEYS[1], 'held', str(-held)) end", ""),
    ("a hold is not released from its limits", "settle", "{u = -held, t", "{u = 0, t"),
    ("a charge above its hold is not capped", "settle", "local function payable(mine, of, subjects, quotas)", "local function payable(mine, of, subjects, quotas)\n  if true then return charge end"),
    ("a charge above its hold passes limits", "settle", "mine + room(KEYS[4], subjects, quotas, free)", "mine + free"),
    ("a call of another generation is paid here", "settle", "return of == gen and redis", "return redis"),
    ("a call goes on counting as running", "settle", "redis.call('HINCRBY', KEYS[4], 'n:' .. hold[12], '-1')", ""),
    ("a deadline outlives its call", "settle", "\nredis.call('ZREM', KEYS[3], wallet .. '|' .. rid)", ""),
    ("what a breaker saw is added again", "settle", "math.max(0, upstream - metered))\nredis", "upstream)\nredis"),
    ("a lease is taken up twice", "grant", "if seq <= at then return {'KEPT', str(at)} end", ""),
    ("a lost lease is passed over", "grant", "if seq > at + 1 then return {'GAP', str(at)} end", ""),
    ("a lease of another generation is taken up", "grant", "if redis.call('GET', KEYS[2]) ~= ARGV[1] then", "if false then"),
    ("a pool outlives its generation", "grant", "if pool[1] ~= ARGV[1] then", "if not pool[1] then"),
    ("what is returned is told by its difference", "recall", "'a', str(total))", "'a', str(give))"),
    ("what is held is returned", "recall", "math.min(int(pool[2]), want)", "want"),
    ("a version goes back", "bump", "if version > kept", "if version ~= kept"),
    ("a version is lost on loading", "load", "if int(ver) > kept", "if int(ver) < kept"),
    ("an exact counter is loaded again", "load", "if not row[1] or row[2] then", "if true then"),
    ("a bound stays a bound", "load", "if not row[1] or row[2] then", "if not row[1] then"),
    ("old windows are kept", "load", "if is_new and tick > head - 60", "if is_new"),
]  # fmt: skip


def mutated(name: str, old: str, new: str) -> dict[str, Script]:
    """All scripts, with a mistake in this one, and in others where they share what is mistaken."""
    assert SCRIPTS[name].source.count(old) == 1, f"{name} has {SCRIPTS[name].source.count(old)} of {old}"
    return {one: Script.of(one, script.source.replace(old, new)) for one, script in SCRIPTS.items()}


@pytest.mark.parametrize("mutant", IN_SCRIPTS, ids=lambda mutant: mutant[0].replace(" ", "-"))
def test_a_mistake_in_a_script_is_found(mutant: tuple[str, str, str, str], wire: Wire):
    scripts = mutated(*mutant[1:])
    wire.all([("SCRIPT", "LOAD", script.source) for script in scripts.values()])  # they are scripts

    with pytest.raises((AssertionError, ReplyError)):
        tell(wire, seed=1, steps=STEPS, scripts=scripts)


class FirstWins(Books):
    """What is booked stays, be it a sweeper's guess."""

    def post(self, rid: UUID, rank: int, used: Used, **where: Any) -> None:
        if rid not in self.rows:
            super().post(rid, rank, used, **where)


class RankIgnored(Books):
    """What comes last is what counts, be it of a lower rank."""

    def post(self, rid: UUID, rank: int, used: Used, **where: Any) -> None:
        if rid in self.rows:
            self.rows[rid] = replace(self.rows[rid], rank=0)
        super().post(rid, rank, used, **where)


class Added(Books):
    """Amounts are taken for differences."""

    def post(self, rid: UUID, rank: int, used: Used, **where: Any) -> None:
        before = self.rows.get(rid, Row(0, (0, 0, 0, 0)))
        super().post(rid, rank, (used[0] + before.used[0], *used[1:]), **where)


class ReturnsAdded(Books):
    """What a pool returned all in all is taken for what it returned now."""

    def take_back(self, wallet: UUID, gen: int, total: int) -> None:
        super().take_back(wallet, gen, total + self.pools[wallet, gen].returned)


class NothingOut(Books):
    """What is leased is not deducted."""

    def free(self, wallet: UUID) -> int:
        return self.balance[wallet]


class PaysEverything(Books):
    """A pool of a generation that is over pays whatever is asked of it."""

    def payable(self, wallet: UUID, gen: int) -> int:
        return 2**53


@pytest.mark.parametrize("books", [FirstWins, RankIgnored, Added, ReturnsAdded, NothingOut, PaysEverything])
def test_a_mistake_in_the_books_is_found(books: Callable[[], Books], wire: Wire):
    with pytest.raises(AssertionError):
        tell(wire, seed=1, steps=STEPS, books=books)


@pytest.mark.parametrize(
    "fault", ["closed early", "run_id not compared", "removed before booked", "outstanding not counted"]
)
def test_a_mistake_in_the_order_of_things_is_found(fault: str, wire: Wire):
    with pytest.raises(AssertionError):
        tell(wire, seed=1, steps=STEPS, faults=frozenset({fault}))
