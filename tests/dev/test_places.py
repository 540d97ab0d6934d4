import os

import pytest

from dev.places import in_memory, place, temporary_place


def test_a_place_is_in_the_state_directory_and_closed_to_others(roomy_path):
    found = place(roomy_path / "state", "postgres")

    assert found.home == roomy_path / "state" / "postgres"
    assert found.home.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="a user always reaches its own state")
def test_a_state_directory_out_of_reach_has_its_place_elsewhere_and_finds_it_again(roomy_path):
    closed = roomy_path / "closed"
    closed.mkdir(mode=0o700)

    first = place(closed / "state", "postgres", elsewhere=roomy_path / "elsewhere")
    second = place(closed / "state", "postgres", elsewhere=roomy_path / "not-used")

    assert first == second
    assert first.home.is_relative_to(roomy_path / "elsewhere")
    assert first.account.reaches(first.home)
    assert (closed / "state" / "postgres.place").read_text() == f"{first.home}\n"


def test_a_lent_place_leaves_nothing_behind():
    with temporary_place("valkey") as lent:
        (lent.home / "data").mkdir()

    assert not lent.home.exists()


def test_a_place_is_lent_where_it_is_wanted(roomy_path):
    with temporary_place("valkey", within=roomy_path) as lent:
        assert lent.home.is_relative_to(roomy_path)

    assert not list(roomy_path.iterdir())


def test_memory_is_used_where_there_is_room(tmp_path):
    found = in_memory(tmp_path, room=1)

    assert found == tmp_path


def test_memory_that_is_not_there_or_too_small_is_not_used(tmp_path):
    assert in_memory(tmp_path / "nowhere", room=1) is None
    assert in_memory(tmp_path, room=2**70) is None
