"""Ending a loop at once."""

import os
import signal

import pytest

from worker.signals import stop_on_sigterm


def test_sigterm_ends_what_is_running_and_a_second_one_does_nothing():
    before = signal.getsignal(signal.SIGTERM)
    stop_on_sigterm()

    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, before)
