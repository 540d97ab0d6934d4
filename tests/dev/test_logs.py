import io

import pytest

from dev.logs import LogFile, Terminal, is_routine


def test_a_log_that_grows_too_large_is_put_aside(tmp_path):
    log = LogFile(tmp_path / "web.log", largest=10)

    for line in (b"first line\n", b"second line\n", b"third line\n"):
        log.write(line)
    log.close()

    assert (tmp_path / "web.log").read_bytes() == b"third line\n"
    assert (tmp_path / "web.log.1").read_bytes() == b"second line\n"
    assert list(log.last) == ["first line", "second line", "third line"]


def test_bytes_that_are_no_text_are_shown_all_the_same(tmp_path):
    log = LogFile(tmp_path / "web.log")

    text = log.write(b"caf\xe9\n")
    log.close()

    assert text == "caf\ufffd"


def test_a_long_line_is_shortened_on_the_terminal():
    out = io.StringIO()

    Terminal(out).say("x" * 5000, name="web")

    assert out.getvalue().startswith("web       | xxx")
    assert len(out.getvalue()) < 400


def test_a_terminal_that_is_gone_does_not_stop_the_work():
    out = io.StringIO()
    terminal = Terminal(out)

    class Gone(io.StringIO):
        def write(self, _text):
            raise BrokenPipeError

    terminal.out = Gone()
    terminal.say("one")
    terminal.say("two")
    terminal.out.close()

    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("line", "routine"),
    [
        ('{"process": "worker", "event": "Job OK", "level": "info", "timestamp": "x"}', True),
        ('{"process": "proxy", "event": "offer_failed", "level": "warning"}', False),
        ("[2026-11-21 12:37:26 +0000] [10627] [INFO] Booting worker with pid: 10643", True),
        ("[2026-11-21 12:37:26 +0000] [10627] [ERROR] Worker was sent SIGKILL", False),
        ("Traceback (most recent call last):", False),
    ],
)
def test_only_what_is_not_routine_is_worth_the_terminal(line, routine):
    assert is_routine(line) == routine
