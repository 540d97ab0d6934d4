import asyncio
import signal

import pytest

from proxy.store import server as module
from proxy.store.address import Address
from proxy.store.errors import Away
from proxy.store.handshake import Timeouts
from proxy.store.server import Server
from proxy.store.wire import command
from tests.proxy.conftest import until
from tests.proxy.store.servers import PASSWORD, URL_PASSWORD, own_server

PATIENT = Timeouts(answer_s=5, connect_s=5)


class Watched:
    """A server as the product keeps it, and what it said of itself."""

    def __init__(self, url, timeouts):
        self.lives = []
        self.server = Server(Address.from_url(url), timeouts, on_change=self.note)

    def note(self):
        if not self.lives or self.lives[-1] != self.server.life:
            self.lives.append(self.server.life)


@pytest.fixture
async def keep():
    kept = []

    async def keep(url, timeouts=PATIENT, *, connected=True):
        watched = Watched(url, timeouts)
        kept.append(watched.server)
        if connected:
            await until(lambda: watched.server.life)
            watched.lives = [watched.server.life]
        return watched

    yield keep
    for server in kept:
        server.stop()
        await server.stopped()


async def test_each_lane_is_a_connection_of_its_own(keep, server):
    watched = await keep(server.url)

    calls, bulk = (watched.server.lanes[lane] for lane in ("calls", "bulk"))

    assert await calls.send(command("CLIENT", "ID")) != await bulk.send(command("CLIENT", "ID"))
    assert watched.server.life == server.life


async def test_one_full_lane_does_not_hinder_the_other(keep, server):
    watched = await keep(server.url)
    calls, bulk = (watched.server.lanes[lane] for lane in ("calls", "bulk"))
    server.signal(signal.SIGSTOP)
    batch = [bulk.send(command("ECHO", number)) for number in range(10_000)]

    with pytest.raises(Away, match="too many"):
        bulk.send(command("ECHO", "one more"))
    admission = calls.send(command("ECHO", "in"))
    server.signal(signal.SIGCONT)

    assert await admission == b"in"
    assert await asyncio.gather(*batch) == [b"%d" % number for number in range(10_000)]


async def test_a_server_that_dies_and_lives_again_is_another(keep, server):
    watched = await keep(server.url)
    before = server.life

    server.kill()
    await until(lambda: not watched.server.lanes)
    server.start()
    await until(lambda: watched.server.life)

    assert watched.lives == [before, None, server.life]
    assert server.life != before


async def test_a_lost_lane_comes_back_alone(keep, server):
    watched = await keep(server.url)
    calls, bulk = (watched.server.lanes[lane] for lane in ("calls", "bulk"))

    server.ask("CLIENT", "KILL", "ID", await calls.send(command("CLIENT", "ID")))
    await calls.lost.wait()
    await until(lambda: watched.server.lanes.get("calls") not in {None, calls})

    assert watched.server.lanes["bulk"] is bulk
    assert watched.lives == [server.life]


async def test_why_it_is_not_connected_is_said(keep, server):
    server.kill()

    watched = await keep(server.url, connected=False)

    await until(lambda: watched.server.fault)
    assert "no connection" in watched.server.fault
    server.start()
    await until(lambda: watched.server.life)
    assert watched.server.fault is None


async def test_a_replica_is_refused_until_it_is_promoted(keep, server):
    with own_server(f"replicaof 127.0.0.1 {server.port}") as replica:
        watched = await keep(replica.url, connected=False)
        await until(lambda: watched.server.fault)
        assert (watched.server.fault, watched.server.lanes) == ("not a primary", {})

        replica.ask("REPLICAOF", "NO", "ONE")

        await until(lambda: watched.server.life == replica.life)


async def test_a_primary_that_was_a_replica_meanwhile_is_another(keep, server, monkeypatch):
    monkeypatch.setattr(module, "ASK_S", 0.1)
    with own_server("repl-diskless-sync-delay 0") as stale:
        server.ask("CONFIG", "SET", "masterauth", PASSWORD)
        watched, before, run_id = await keep(server.url), server.life, server.run_id

        server.ask("REPLICAOF", "127.0.0.1", stale.port)
        await until(lambda: server.ask("INFO", "replication")["master_link_status"] == "up")
        server.ask("REPLICAOF", "NO", "ONE")
        await until(lambda: watched.server.life not in {before, None})

        assert watched.lives == [before, None, server.life]
        assert server.run_id == run_id


async def test_a_first_replica_gives_its_primary_a_new_life_that_is_noticed(keep, server, monkeypatch):
    monkeypatch.setattr(module, "ASK_S", 0.1)
    watched, before = await keep(server.url), server.life
    connections = set(watched.server.lanes.values())
    server.ask("CONFIG", "SET", "repl-diskless-sync-delay", 0)

    with own_server(f"replicaof 127.0.0.1 {server.port}", f'masterauth "{PASSWORD}"') as replica:
        await until(lambda: replica.ask("INFO", "replication")["master_link_status"] == "up")
        await until(lambda: watched.server.life not in {before, None})

        assert watched.lives == [before, None, server.life]
        assert not connections & set(watched.server.lanes.values())


async def test_an_older_connection_to_another_server_is_dropped(keep, server, wire):
    url = f"redis://:{URL_PASSWORD}@127.0.0.1:{wire.port}"
    watched = await keep(url)
    with own_server() as successor:
        old = dict(watched.server.lanes)

        wire.to = successor.port
        server.ask("CLIENT", "KILL", "ID", await old["bulk"].send(command("CLIENT", "ID")))
        await old["calls"].lost.wait()
        await until(lambda: watched.server.life == successor.life)

        assert watched.lives == [server.life, None, successor.life]


async def test_a_server_that_hangs_up_at_once_is_not_asked_all_the_time(keep, lay_wire):
    wire = await lay_wire(1)  # nobody listens there

    watched = await keep(f"redis://127.0.0.1:{wire.port}", connected=False)
    began = asyncio.get_running_loop().time()
    await until(lambda: wire.accepted >= 10)

    # Five attempts of each lane, with pauses of 0.05, 0.1, 0.2 and 0.4 s between them.
    assert asyncio.get_running_loop().time() - began >= 0.7
    assert watched.server.lanes == {}


async def test_a_stopped_server_has_no_connections(keep, server):
    watched = await keep(server.url)
    lanes = list(watched.server.lanes.values())

    watched.server.stop()
    await watched.server.stopped()

    assert watched.server.lanes == {}
    for connection in lanes:
        await connection.lost.wait()
