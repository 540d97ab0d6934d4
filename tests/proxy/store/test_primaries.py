import asyncio

import pytest

from core.counters.script import Script
from dev.ports import free_port
from proxy.store.address import Address
from proxy.store.errors import Away, Broken, Fenced
from proxy.store.handshake import Timeouts
from proxy.store.primaries import Primaries
from proxy.store.slots import SLOTS, slot_of
from tests.dev.waiting import until as until_in_thread
from tests.proxy.conftest import until
from tests.proxy.store.servers import URL_PASSWORD, own_cluster, own_server, whole

TAGS = [f"b{number:03}" for number in range(256)]
COUNT = Script.of("count", "return redis.call('INCR', KEYS[1])")
PATIENT = Timeouts(answer_s=5, connect_s=5)


@pytest.fixture(scope="module")
def cluster():
    with own_cluster() as nodes:
        yield nodes


def fingerprint(nodes):
    return ",".join(sorted(node.run_id for node in nodes))


def owner(nodes, tag):
    return nodes[slot_of(tag) * 3 // SLOTS]


@pytest.fixture
async def follow():
    followed = []

    async def follow(url):
        primaries = Primaries(Address.from_url(url), PATIENT)
        followed.append(primaries)
        primaries.start()
        async with asyncio.timeout(8):
            await primaries.found.wait()
        return primaries

    yield follow
    for primaries in followed:
        await primaries.stop()


async def test_a_server_that_stands_alone_has_every_tag(follow, server):
    primaries = await follow(server.url)

    (only,) = primaries
    assert primaries.fingerprint == server.run_id
    assert {primaries.of(tag) for tag in TAGS} == {only}


@pytest.mark.parametrize("seed_node", [0, 2])
async def test_all_primaries_are_found_through_any(follow, cluster, seed_node):
    primaries = await follow(cluster[seed_node].url)

    assert primaries.fingerprint == fingerprint(cluster)
    for tag in TAGS:
        assert primaries.of(tag).address.port == owner(cluster, tag).port
        assert slot_of(tag) == cluster[0].ask("CLUSTER", "KEYSLOT", f"bl:{{{tag}}}:S")


async def test_every_tag_is_served_by_its_own_server(open_store, cluster):
    store = await open_store(cluster[1].url)

    counted = await asyncio.gather(
        *(store.run(COUNT, tag=tag, keys=[b"bl:{%b}:n" % tag.encode()], args=[]) for tag in TAGS)
    )

    assert counted == [1] * len(TAGS)
    assert sum(node.ask("DBSIZE") for node in cluster) == len(TAGS)
    for node in cluster:
        node.ask("FLUSHALL")


async def test_a_slot_that_moved_is_followed(open_store, cluster):
    store = await open_store(cluster[0].url)
    tag = TAGS[7]
    here = owner(cluster, tag)
    there = cluster[cluster.index(here) - 1]

    for target in (there, here):
        move(cluster, tag, target)
        with pytest.raises(Away, match=f"MOVED .*:{target.port}"):
            await store.run(COUNT, tag=tag, keys=[b"{%b}" % tag.encode()], args=[], lane="admit")
        await until(lambda target=target: store._primaries.of(tag).address.port == target.port)

        assert await store.run(COUNT, tag=tag, keys=[b"{%b}" % tag.encode()], args=[], lane="admit") == 1
        target.ask("DEL", f"{{{tag}}}")
    assert store.fingerprint == store.allowed == fingerprint(cluster)


def move(nodes, tag, target):
    """Give a slot without keys to another server, in the order that makes all agree."""
    slot, source = slot_of(tag), next(node for node in nodes if holds(node, tag))
    names = {node: node.ask("CLUSTER", "MYID") for node in (source, target)}
    target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", names[source])
    source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", names[target])
    for node in (target, *nodes):
        node.ask("CLUSTER", "SETSLOT", slot, "NODE", names[target])


def holds(node, tag):
    """Say whether the server itself thinks the slot is its own."""
    rows, slot = node.ask("CLUSTER", "SLOTS"), slot_of(tag)
    return any(first <= slot <= last and port == node.port for first, last, (_, port, *_), *_ in rows)


async def test_a_cluster_that_lost_a_primary_is_fenced_until_allowed_again(open_store, cluster):
    store = await open_store(cluster[0].url)
    before = store.fingerprint
    lost, kept = cluster[1], cluster[2]
    tag = next(tag for tag in TAGS if owner(cluster, tag) is kept)
    run = {"tag": tag, "keys": [b"{%b}" % tag.encode()], "args": []}

    lost.kill()
    await until(lambda: store.fingerprint is None)
    with pytest.raises(Fenced):
        await store.run(COUNT, **run)

    lost.start()
    await until(lambda: store.fingerprint is not None)
    assert store.fingerprint == fingerprint(cluster) != before
    with pytest.raises(Fenced):
        await store.run(COUNT, **run)

    store.allowed = store.fingerprint
    await asyncio.to_thread(until_in_thread, lambda: all(whole(node) for node in cluster), timeout_s=20)
    assert await store.run(COUNT, **run) == 1
    kept.ask("FLUSHALL")


async def test_a_cluster_with_a_slot_nobody_has_is_incomplete(open_store):
    with own_server("cluster-enabled yes", f"cluster-port {free_port()}") as node:
        node.ask("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 2)
        store = await open_store(node.url, connect_timeout_s=0.2)
        assert store.fingerprint is None
        with pytest.raises(Fenced, match="a server is missing"):
            await store.run(COUNT, tag="b007", keys=[b"{b007}"], args=[])
        with pytest.raises(Broken, match="CLUSTERDOWN"):
            await store.run(COUNT, tag="b007", keys=[b"{b007}"], args=[], unfenced=True)

        node.ask("CLUSTER", "ADDSLOTS", SLOTS - 1)

        await until(lambda: store.fingerprint == node.run_id)


async def test_a_seed_that_is_gone_is_not_missed(follow, cluster):
    primaries = await follow(f"redis://:{URL_PASSWORD}@localhost:{cluster[0].port}")

    assert [address.host for address in primaries._known()] == ["127.0.0.1"] * 3 + ["localhost"]
