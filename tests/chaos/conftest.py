"""One rig for all scenarios, because it takes seconds to start; a scenario that fails takes its rig down with it."""

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.chaos.rig import Rig, told

HERE = Path(__file__).parent
FAILED = pytest.StashKey[bool]()


class Shelf:
    """Where the rig stands between scenarios."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.rig: Rig | None = None
        self.made = 0

    async def take(self, chance: Random) -> Rig:
        if self.rig is None:
            self.made += 1
            place = self.directory / f"rig{self.made}"
            place.mkdir()
            self.rig = Rig(place, chance=chance)
            await self.rig.start()
        return self.rig

    def clear(self) -> None:
        rig, self.rig = self.rig, None
        if rig is not None:
            rig.stop()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In full, a scenario may take as long as it takes."""
    if config.option.chaos_full:
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.timeout(3600))


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """At the end the last rig is stopped in order, and what it leaves behind must still be right."""
    shelf = Shelf(tmp_path_factory.mktemp("chaos"))
    yield shelf
    shelf.clear()


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> Random:
    """What is random in a scenario: the same again with the same `--chaos-seed`."""
    return Random(f"{request.config.option.chaos_seed} {request.node.name}")


@pytest.fixture
def size(request: pytest.FixtureRequest) -> Callable[[Any, Any], Any]:
    """How much of a scenario: little in every run, all of it with `--chaos-full`."""
    is_full = request.config.option.chaos_full
    return lambda little, all_of_it: all_of_it if is_full else little


@pytest.fixture
def full_only(request: pytest.FixtureRequest) -> None:
    """For a scenario that is no part of every run."""
    if not request.config.option.chaos_full:
        pytest.skip("part of --chaos-full only")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the rig know whether its scenario failed."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
async def rig(shelf: Shelf, chance: Random, request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """A rig at rest. When the scenario is over, every call it made must be right, to the nano-dollar."""
    rig = await shelf.take(chance)
    where = f"seed {request.config.option.chaos_seed}; logs, truth and spools are in {rig.directory}"
    request.node.add_report_section("setup", "chaos", where)
    yield rig
    findings = ["the scenario failed, nobody looked"]
    try:
        if not request.node.stash[FAILED]:
            rig.heal()
            findings = await rig.findings_at_rest()
            assert not findings, told(findings)
    finally:
        if findings:
            shelf.clear()
