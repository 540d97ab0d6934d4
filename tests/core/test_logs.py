import subprocess
import sys

PROGRAM = """
import structlog
from core.logs import configure_logs
configure_logs("info")
log = structlog.get_logger()
log.debug("not shown")
WORD = "the secret" + " word"
def sign_in(password):
    raise ValueError("no such account")
try:
    sign_in(WORD)
except ValueError:
    log.exception("failed", request_id="r1")
"""


def test_a_traceback_names_places_and_never_values():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert '"event": "failed"' in done.stderr
    assert '"request_id": "r1"' in done.stderr
    assert "in sign_in" in done.stderr
    assert done.stderr.count("the secret word") == 0
    assert "not shown" not in done.stderr
    assert done.stdout == ""
