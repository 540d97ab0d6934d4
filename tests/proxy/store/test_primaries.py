import asyncio
from contextlib import ExitStack, contextmanager

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
from tests.proxy.store.servers import PASSWORD, URL_PASSWORD, own_server

TAGS = [f"b{number:03}" for number in range(256)]
COUNT = Script.of("count", "return redis.call('INCR', KEYS[1])")
PATIENT = Timeouts(answer_s=5, connect_s=5)
CLUSTER = ("cluster-enabled yes", "cluster-node-timeout 2000", f'masterauth "{PASSWORD}"')


@pytest.fixture(scope="module")
def cluster():
    """Three primaries, each with a third of the slots."""
    with joined(3) as nodes:
        until_in_thread(lambda: all(whole(node) for node in nodes), timeout_s=20)
        yield nodes


@contextmanager
def joined(size):
    """Servers of one cluster, each with its share of the slots."""
    with ExitStack() as stack:
        nodes, buses = [], [free_port() for _ in range(size)]
        for number, bus in enumerate(buses):
            node = stack.enter_context(own_server(*CLUSTER, f"cluster-port {bus}"))
            node.ask("CLUSTER", "ADDSLOTSRANGE", *share(number, size))
            nodes.append(node)
        for node, bus in zip(nodes[1:], buses[1:], strict=True):
            nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        yield nodes


def share(number, size):
    return SLOTS * number // size, SLOTS * (number + 1) // size - 1


def whole(node):
    said = node.ask("CLUSTER", "INFO").split("\r\n")
    return {"cluster_state:ok", "cluster_known_nodes:3"} <= set(said)


def fingerprint(nodes):
    return ",".join(sorted(node.life for node in nodes))


def owner(nodes, tag):
    return nodes[slot_of(tag) * 3 // SLOTS]


@pytest.fixture
async def follow():
    followed = []

    async def follow(url):
        primaries = Primaries(Address.from_url(url), PATIENT)
        followed.append(primaries)
        primaries.start()
        async with asyncio.timeout(20):
            await primaries.found.wait()
        return primaries

    yield follow
    for primaries in followed:
        await primaries.stop()


async def test_a_server_that_stands_alone_has_every_tag(follow, server):
    primaries = await follow(server.url)

    (only,) = primaries
    assert primaries.fingerprint == server.life
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
            await store.run(COUNT, tag=tag, keys=[b"{%b}" % tag.encode()], args=[], lane="calls")
        await until(lambda target=target: store._primaries.of(tag).address.port == target.port)

        assert await store.run(COUNT, tag=tag, keys=[b"{%b}" % tag.encode()], args=[], lane="calls") == 1
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


def holds(node, tag, *, by=None):
    """Say whether the server thinks the tag's slot belongs to that one, or to itself."""
    rows, slot, owner_port = node.ask("CLUSTER", "SLOTS"), slot_of(tag), (by or node).port
    return any(first <= slot <= last and port == owner_port for first, last, (_, port, *_), *_ in rows)


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

        await until(lambda: store.fingerprint == node.life)


async def test_a_server_that_says_the_cluster_is_down_is_asked_for_its_slots(open_store):
    with joined(1) as (node,):
        store = await open_store(node.url)

        node.ask("CLUSTER", "DELSLOTS", 7)
        with pytest.raises(Broken, match="CLUSTERDOWN"):
            await store.run(COUNT, tag="b007", keys=[b"{b007}"], args=[])

        await until(lambda: store.fingerprint is None)


async def test_a_primary_whose_place_another_took_is_left(open_store):
    with joined(2) as (left, lost):
        far = next(tag for tag in TAGS if slot_of(tag) >= SLOTS // 2)
        await asyncio.to_thread(until_in_thread, lambda: holds(left, far, by=lost))
        store = await open_store(left.url)
        assert store.fingerprint == fingerprint([left, lost])

        lost.kill()
        left.ask("CLUSTER", "DELSLOTSRANGE", *share(1, 2))
        left.ask("CLUSTER", "ADDSLOTSRANGE", *share(1, 2))

        await until(lambda: store.fingerprint == left.life)
        assert [server.address.port for server in store.servers] == [left.port]


async def test_a_seed_that_is_gone_is_not_missed(follow, cluster):
    primaries = await follow(f"redis://:{URL_PASSWORD}@localhost:{cluster[0].port}")

    assert [address.host for address in primaries._known()] == ["127.0.0.1"] * 3 + ["localhost"]
