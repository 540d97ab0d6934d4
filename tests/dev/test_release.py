import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLI = """
import os, sys
with open(os.environ["SEEN"], "a") as out: out.write(" ".join(sys.argv[1:]) + "|")
sys.exit(int(os.environ.get("CODE", "0")))
"""


@pytest.fixture
def release(tmp_path):
    """Run the release with a small command line in place of the product's."""
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "__init__.py").touch()  # a package proper, so that it comes before the real one
    (tmp_path / "cli" / "__main__.py").write_text(CLI)
    seed = "import sys, types, dev; m = types.ModuleType('dev.seed'); m.__spec__ = object(); m.seed = lambda env, state: {'email': 'a@b.example'}; sys.modules['dev.seed'] = m"
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; {seed}; sys.argv = ['release', {str(tmp_path)!r}]; from dev.release import main; main()"

    def run(**environ):
        env = {**os.environ, "SEEN": str(tmp_path / "seen"), **environ}
        done = subprocess.run(
            [sys.executable, "-c", code], check=False, env=env, cwd=tmp_path, capture_output=True
        )
        return done, (tmp_path / "seen").read_text()

    return run


def test_migrations_then_catalogue_then_the_demo(release, tmp_path):
    done, seen = release()

    assert done.returncode == 0, done.stderr
    assert seen == "migrate|catalog load|"
    assert json.loads((tmp_path / "demo.json").read_text()) == {"email": "a@b.example"}


def test_a_step_that_fails_ends_the_release(release, tmp_path):
    done, seen = release(CODE="3")

    assert done.returncode == 3
    assert seen == "migrate|"
    assert not (tmp_path / "demo.json").exists()
