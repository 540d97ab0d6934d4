"""The benchmark: `bin/bench`. docs/performance.md says what it measures and how to read it."""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from bench.cores import Cores, on
from bench.cores import ours as our_cores
from bench.hung import hung
from bench.install import HOME, Missing
from bench.ours import NAME as OURS
from bench.ours import Product, ours
from bench.peers import LITELLM, NGINX, litellm, plain_proxy, upstream
from bench.profile import profile
from bench.report import Report
from bench.rounds import Timing, interleaved
from bench.targets import Target
from dev.errors import StartError
from dev.lock import held

USUAL, QUICK = Timing(warm_s=0.5, measure_s=2.5, rounds=3), Timing(warm_s=0.2, measure_s=1, rounds=1)
RELAYS = (NGINX, OURS, LITELLM)


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bin/bench", description="Hold the relay against nginx and LiteLLM."
    )
    parser.add_argument("--quick", action="store_true", help="one short round: an impression")
    parser.add_argument("--only", metavar="NAMES", help=f"some of {','.join(RELAYS)}")
    parser.add_argument("--rounds", type=int, metavar="N")
    parser.add_argument("--seconds", type=float, metavar="S", help="how long each target is loaded each time")
    parser.add_argument("--profile", action="store_true", help="instead, sample where our relay's time goes")
    parser.add_argument("--hung", action="store_true", help="instead, time calls while others hang")
    given = parser.parse_args(argv)
    given.only = (given.only or ",".join(RELAYS)).split(",")
    if unknown := set(given.only) - set(RELAYS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(RELAYS)}")
    usual = QUICK if given.quick else USUAL
    given.timing = Timing(usual.warm_s, given.seconds or usual.measure_s, given.rounds or usual.rounds)
    return given


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def start(
    names: Sequence[str], stack: ExitStack, *, upstream_port: int, cores: Cores
) -> tuple[list[Target], Product | None]:
    """Start what can be had; say what cannot."""
    found: list[Target] = []
    product = None
    for name in names:
        say(f"Starting {name}...")
        try:
            if name == OURS:
                target, product = stack.enter_context(ours(upstream_port=upstream_port, cores=cores))
            else:
                peer = plain_proxy if name == NGINX else litellm
                target = stack.enter_context(peer(upstream_port=upstream_port, cores=cores))
            found.append(target)
        except Missing as reason:
            say(f"SKIPPED {name}: {reason}")
    return found, product


def bench(only: Sequence[str], timing: Timing) -> str:
    """Run it all; returns the report."""
    cores, began = our_cores(), time.monotonic()
    with ExitStack() as stack:
        source = stack.enter_context(upstream(cores))
        names = [name for name in RELAYS if name in only]
        targets, product = start(names, stack, upstream_port=source.port, cores=cores)
        say(f"Measuring: about {timing.estimate_s(len(targets) + 1):.0f} s.")
        with on(cores.load):
            rows = interleaved([source, *targets], source, timing=timing, tell=say)
        proof = product.differences() if product else []
    versions = ", ".join(f"{target.name} {target.version}" for target in targets)
    lines = [f"{versions}; {time.monotonic() - began:.0f} s", Report(rows).text()]
    if cores.are_shared:
        lines.append("This machine has one core: load and target share it, and no figure is worth much.")
    if product:
        lines.append(f"The books: {'; '.join(proof) or 'every sum proved'}.")
    return "\n\n".join(lines)


def main() -> int:
    given = arguments(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the way out ends what was started
    HOME.mkdir(parents=True, exist_ok=True)
    try:
        with held(HOME):
            print(
                hung(say) if given.hung else profile() if given.profile else bench(given.only, given.timing)
            )
    except (StartError, Missing) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
