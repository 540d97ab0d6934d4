"""What STYLE asks of the shape of the code: small files, small functions, a test beside each, imports that point down."""

import ast
import configparser
import inspect
import json
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from core.config import Settings

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("app", "proxy", "worker", "core", "cli", "dev", "simulator", "bench")
MODULE_LINES, FUNCTION_LINES, TEMPLATE_LINES = 250, 30, 120

# What may be longer, and why. Whoever adds a line here says so in the commit.
LONG_MODULES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {
    "core/config.py:from_env": "a line a setting: one list, read from top to bottom"
}
LONG_TEMPLATES: dict[str, str] = {}
UNTESTED: dict[str, str] = {
    "bench/litellm_keys.py": "runs inside LiteLLM, which only the benchmark installs: every call of it goes there",
    "proxy/conversation.py": "nothing but types",
    "proxy/formats/format.py": "nothing but types",
    "proxy/providers/dialect.py": "nothing but types",
}

SOURCES = sorted(
    path.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("*.py")
)
TEMPLATES = sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "templates").rglob("*") if path.is_file()
)


def lines(path):
    return len((ROOT / path).read_text().splitlines())


def functions(path):
    """Every function of a file by its name, with its length without docstring and decorators."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = node.end_lineno - node.lineno + 1
            first = node.body[0]
            if ast.get_docstring(node) is not None:
                length -= first.end_lineno - first.lineno + 1
            yield f"{path}:{node.name}", length


def test_modules_are_short():
    too_long = {path: lines(path) for path in SOURCES if lines(path) > MODULE_LINES}

    assert set(too_long) == set(LONG_MODULES), too_long


def test_functions_are_short():
    too_long = {name: n for path in SOURCES for name, n in functions(path) if n > FUNCTION_LINES}

    assert set(too_long) == set(LONG_FUNCTIONS), too_long


def test_templates_are_short():
    too_long = {path: lines(path) for path in TEMPLATES if lines(path) > TEMPLATE_LINES}

    assert set(too_long) == set(LONG_TEMPLATES), too_long


def test_every_source_file_has_its_test_file():
    without = {
        path
        for path in map(Path, SOURCES)
        if path.name not in {"__init__.py", "__main__.py"}
        and not (ROOT / "tests" / path.with_name(f"test_{path.name}")).is_file()
    }

    assert {path.as_posix() for path in without} == set(UNTESTED)


def test_no_name_says_nothing():
    vague = re.compile(r"(^|_)(utils?|helpers?|managers?|misc|common)$")

    assert [path for path in SOURCES if vague.search(Path(path).stem)] == []


def contracts():
    """The import contracts of pyproject.toml, narrowed to the packages there are, in the linter's own format."""
    said = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    there = {path.split("/")[0] for path in SOURCES}
    ours = set(said["root_packages"])

    def written(value):
        if isinstance(value, list):
            known = [item for item in value if item.split(".")[0] not in ours - there]
            return "".join(f"\n{item}" for item in known)
        return str(value)

    config = configparser.ConfigParser()
    config["importlinter"] = {
        "root_packages": written(said["root_packages"]),
        "include_external_packages": "True",
    }
    for number, contract in enumerate(said["contracts"]):
        kept = {key: written(value) for key, value in contract.items()}
        if kept.get("source_modules", "some") and kept.get("modules", "some"):
            config[f"importlinter:contract:{number}"] = kept
    return config


def test_imports_point_where_they_may(tmp_path):
    path = tmp_path / "contracts.ini"
    with path.open("w") as file:
        contracts().write(file)

    linter = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--config", path, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert linter.returncode == 0, linter.stdout + linter.stderr


def read_settings():
    """Every variable that Settings reads, with the name of its field."""
    source = inspect.getsource(Settings.from_env)
    return dict(re.findall(r'(\w+)=(?:int\()?read\.\w+\(\s*"([A-Z0-9_]+)"', source))


def test_every_setting_is_documented_and_nothing_else():
    described = re.findall(r"^\| `([A-Z0-9_]+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)

    assert set(read_settings()) == {field.name for field in fields(Settings)}
    assert sorted(described) == sorted(read_settings().values())


def test_documented_defaults_are_the_defaults():
    table = (ROOT / "docs/settings.md").read_text()
    rows = dict(re.findall(r"^\| `([A-Z0-9_]+)` \| (.+?) \|", table, re.MULTILINE))
    needed = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "KEY_PEPPER", "PROVIDER_SECRET"}
    env = {
        "DATABASE_URL": "postgresql://127.0.0.1/x",
        "REDIS_URL": "redis://127.0.0.1",
        "SECRET_KEY": "x" * 16,
        "KEY_PEPPER": "00" * 32,
        "PROVIDER_SECRET": "00" * 32,
    }
    said = {name: text.strip("`") for name, text in rows.items() if text.startswith("`")}

    assert {name for name, text in rows.items() if text == "none"} == needed
    assert Settings.from_env({**env, **said}) == Settings.from_env(env)
    for field, name in read_settings().items():
        assert (getattr(Settings.from_env(env), field) is None) is (rows[name] == "not set"), name


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.lock")), ids=lambda path: path.name)
def test_locks_name_no_index(path):
    text = path.read_text()

    assert "://" not in text
    assert "--index" not in text
    assert "--hash=sha256:" in text


def test_the_lock_of_npm_names_no_registry_and_every_hash():
    folder = ROOT / "requirements" / "client-npm"
    text = (folder / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    installed = [package for name, package in packages.items() if name]

    assert installed
    assert all(package["integrity"].startswith("sha512-") for package in installed)
    assert "://" not in text
    assert (folder / ".npmrc").read_text() == "omit-lockfile-registry-resolved=true\n"
