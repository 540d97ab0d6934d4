from pathlib import Path

from dev.plan import SECRETS, plan
from dev.ports import free_port
from dev.processes import ROOT, processes
from dev.programs import Layer

SERVICES = {"DATABASE_URL": "postgresql://db.example/x", "REDIS_URL": "redis://cache.example/0"}


def table(state, **environ):
    state.mkdir(exist_ok=True)
    return processes(plan(state, port=free_port(), environ={**SERVICES, **environ}))


def test_the_processes_are_those_of_the_procfile(tmp_path):
    procfile = (ROOT / "Procfile").read_text().splitlines()
    declared = {line.partition(":")[0] for line in procfile if line and not line.startswith("#")}

    ours = {program.name for program in table(tmp_path).rest}

    assert ours | {"release"} == declared


def test_a_mail_server_of_the_environment_leaves_the_mailbox_out(tmp_path):
    with_ours = {program.name for program in table(tmp_path / "a").sides}
    with_theirs = {program.name for program in table(tmp_path / "b", SMTP_URL="smtp://mail.example").sides}

    assert with_ours == {"simulator", "mailbox"}
    assert with_theirs == {"simulator"}


def test_what_takes_calls_is_stopped_before_what_settles_them(tmp_path):
    layers = {program.name: program.layer for program in table(tmp_path).rest}

    assert layers["proxy"] is layers["web"] is Layer.FRONT
    assert layers["ledger"] is layers["worker"] is layers["clock"] is Layer.BACK


def test_no_secret_is_on_a_command_line(tmp_path):
    whole = table(tmp_path)
    words = [word for program in [*whole.sides, whole.release, *whole.rest] for word in program.argv]

    assert not set(words) & {whole.release.env[name] for name in SECRETS}
    assert Path(words[0]).is_file()
