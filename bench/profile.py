"""Where the relay's time goes: its stacks, sampled under load, summed by area and by step."""

import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from bench.cores import Cores, on
from bench.cores import ours as our_cores
from bench.install import HOME, ROOT, Missing, environment
from bench.load import Load
from bench.ours import ours
from bench.peers import upstream
from bench.report import table
from bench.rounds import BURST, PACED, PLAIN, Phase
from bench.targets import RELAY, Target

LOADS = (
    Phase("plain calls", PLAIN, 16),
    Phase("paced streams", PACED, 16),
    Phase("streams in bursts", BURST, 16),
)
WARM_S, RECORD_S, RATE_HZ = 1.0, 8, 200
STEPS = 14
OTHER = "not attributed"
SMALL = 0.005
# The innermost frame that lies in one of these, or in this checkout, says what a sample was spent on; what is
# not named counts for its caller. The narrower of two comes first.
AREAS = (
    ("sqlalchemy/", "SQLAlchemy"),
    ("psycopg", "PostgreSQL driver"),
    ("redis/", "Redis client"),
    ("aiohttp/client", "HTTP client"),
    ("aiohttp/connector", "HTTP client"),
    ("aiohttp/web", "HTTP server"),
    ("aiohttp/", "HTTP, both sides"),
    ("structlog/", "logs"),
    ("uvloop/", "event loop and sockets"),
)
Stack = tuple[str, ...]  # frames as the sampler writes them, outermost first: "function (file:line)"


def profile() -> str:
    """Run the relay alone and sample it. Raises Missing where it cannot be sampled."""
    sampler = environment("profile") / "py-spy"
    cores = our_cores()
    with upstream(cores) as source, ours(upstream_port=source.port, cores=cores) as (target, _product):
        return "\n\n".join(told(load, sampled(sampler, target, load, cores)) for load in LOADS)


def sampled(sampler: Path, target: Target, load: Phase, cores: Cores) -> Counter[Stack]:
    raw = HOME / "profile.raw"
    argv = [
        str(sampler), "record", "--pid", str(target.parts[RELAY]), "--duration", str(RECORD_S),
        "--rate", str(RATE_HZ), "--format", "raw", "--full-filenames", "--function", "--output", str(raw),
    ]  # fmt: skip
    recorders: list[subprocess.Popen[bytes]] = []

    def mark() -> None:
        if not recorders:
            recorders.append(subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))

    request = load.ask.request(target.port, target.headers)
    run = Load(target.port, request, concurrency=load.concurrency, streamed=load.ask.streamed)
    with on(cores.load):
        run.run(warm_s=WARM_S, measure_s=RECORD_S + 1, mark=mark)
        _, said = recorders[0].communicate(timeout=30)
    if recorders[0].returncode != 0:
        raise Missing(f"the relay cannot be sampled here: {said.decode().strip()[-200:]}")
    return read(raw.read_text().splitlines())


def read(lines: Iterable[str]) -> Counter[Stack]:
    """The sampler's own format: frames, outermost first, and how often they were seen."""
    found: Counter[Stack] = Counter()
    for line in lines:
        frames, _, count = line.rpartition(" ")
        found[tuple(frames.split(";"))] += int(count)
    return found


def area(stack: Stack) -> str:
    for frame in reversed(stack):
        if step := own(frame):
            return f"ours: {step.partition(':')[0]}"
        path = frame.rpartition(" (")[2]
        for part, name in AREAS:
            if f"/{part}" in path:
                return name
    return OTHER


def own(frame: str) -> str | None:
    """A function of this checkout, as module:function."""
    name, _, place = frame.partition(" (")
    path = place.removesuffix(")").partition(":")[0]
    if not path.startswith(f"{ROOT}/") or "/." in path or path.endswith("/__main__.py"):
        return None
    return f"{path.removeprefix(f'{ROOT}/')}:{name}"


def shares(stacks: Counter[Stack]) -> tuple[dict[str, float], dict[str, float]]:
    """Of all samples: how many were spent in each area, and how many within each function of ours."""
    areas: Counter[str] = Counter()
    steps: Counter[str] = Counter()
    for stack, count in stacks.items():
        areas[area(stack)] += count
        for step in {step for frame in stack if (step := own(frame))}:
            steps[step] += count
    total = stacks.total() or 1
    return {k: n / total for k, n in areas.most_common()}, {k: n / total for k, n in steps.most_common(STEPS)}


def told(load: Phase, stacks: Counter[Stack]) -> str:
    areas, steps = shares(stacks)
    title = f"**{load.name}, {load.concurrency} at once** ({stacks.total()} samples)"
    large = [[name, f"{share:.1%}"] for name, share in areas.items() if share >= SMALL]
    rest = sum(share for share in areas.values() if share < SMALL)
    spent = table(("spent in", "share"), [*large, ["the rest", f"{rest:.1%}"]])
    within = table(
        ("within (callees included)", "share"), [[name, f"{share:.1%}"] for name, share in steps.items()]
    )
    return f"{title}\n\n{spent}\n\n{within}"
