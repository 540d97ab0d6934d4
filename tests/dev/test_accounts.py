import os

import pytest

from dev.accounts import Account, account_for

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can lend another account")


@as_root
def test_root_lends_a_system_account(tmp_path):
    account = account_for(tmp_path / "new")

    assert account is not None
    assert account.uid != 0


@as_root
def test_data_made_by_a_user_is_served_as_that_user(tmp_path):
    os.chown(tmp_path, 12345, 12345)

    assert account_for(tmp_path) == Account(12345, 12345)


@as_root
def test_a_directory_closed_to_others_is_out_of_reach(roomy_path):
    (roomy_path / "closed").mkdir(mode=0o700)
    nobody = Account(65534, 65534)

    assert nobody.reaches(roomy_path.parent)
    assert not nobody.reaches(roomy_path / "closed")


@pytest.mark.skipif(os.geteuid() == 0, reason="root serves the data of everybody")
def test_data_of_another_user_is_refused():
    from pathlib import Path

    from dev.errors import StartError

    with pytest.raises(StartError, match="belongs to another user"):
        account_for(Path("/"))
