"""Connections between calls: kept, used again, given up, and never handed on half used."""

import asyncio
import datetime as dt
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from proxy.upstream import pool as module
from proxy.upstream.addresses import NoAddress
from proxy.upstream.reader import BrokenOff
from tests.proxy.conftest import until
from tests.proxy.upstream.conftest import CHUNKED, OK, WHOLE, ask


async def serve(visit):
    """Answer one request after another."""
    while True:
        await visit.request()
        await visit.say(WHOLE)


async def exchange(pool):
    connection = await ask(pool)
    body = await connection.whole(100)
    pool.give_back(connection)
    return body


async def test_a_connection_is_used_again(by_hand, pool_to):
    provider = await by_hand(serve)
    pool = pool_to(provider.port)

    bodies = [await exchange(pool) for _ in range(5)]

    assert bodies == [b"ok"] * 5
    assert len(provider.visits) == 1


async def test_calls_at_the_same_time_have_a_connection_each(by_hand, pool_to):
    provider = await by_hand(serve)
    pool = pool_to(provider.port)

    for _ in range(2):
        await asyncio.gather(*[exchange(pool) for _ in range(4)])

    assert len(provider.visits) == 4


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        WHOLE + b"GARBAGE",
        WHOLE + WHOLE,
    ],
)
async def test_a_connection_that_must_not_be_used_again_is_closed(by_hand, pool_to, answer):
    async def talk(visit):
        await visit.request()
        await visit.say(answer)
        await visit.left()

    provider = await by_hand(talk)
    pool = pool_to(provider.port)

    assert [await exchange(pool), await exchange(pool)] == [b"ok", b"ok"]
    assert len(provider.visits) == 2


async def test_what_is_said_unasked_closes_a_kept_connection(by_hand, pool_to):
    go, left = asyncio.Event(), asyncio.Event()

    async def talk(visit):
        await visit.request()
        await visit.say(WHOLE)
        if visit.number == 0:
            await go.wait()
            await visit.say(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
            await visit.left()
            left.set()

    provider = await by_hand(talk)
    pool = pool_to(provider.port)
    await exchange(pool)

    go.set()
    async with asyncio.timeout(20):
        await left.wait()

    assert await exchange(pool) == b"ok"
    assert len(provider.visits) == 2


async def test_a_kept_connection_that_was_closed_is_not_used(by_hand, pool_to):
    async def talk(visit):
        await visit.request()
        await visit.say(WHOLE)

    provider = await by_hand(talk)
    pool = pool_to(provider.port)

    await exchange(pool)
    await until(lambda: not pool._idle)

    assert await exchange(pool) == b"ok"
    assert len(provider.visits) == 2


async def test_a_request_a_kept_connection_swallowed_is_sent_once_more(by_hand, pool_to):
    """The provider closes it at the very moment it is asked on it."""

    async def talk(visit):
        await visit.request()
        await visit.say(WHOLE)
        await visit.request()
        if visit.number > 0:
            await visit.say(WHOLE)

    provider = await by_hand(talk)
    pool = pool_to(provider.port)

    assert [await exchange(pool), await exchange(pool)] == [b"ok", b"ok"]
    assert len(provider.visits) == 2


async def test_many_swallowed_requests_are_each_sent_once_more_only(by_hand, pool_to):
    asked = []

    async def talk(visit):
        asked.append(await visit.request())
        if visit.number < 3:
            await visit.say(WHOLE)
            asked.append(await visit.request())

    provider = await by_hand(talk)
    pool = pool_to(provider.port)
    await asyncio.gather(*[exchange(pool) for _ in range(3)])

    with pytest.raises(BrokenOff):
        await exchange(pool)

    assert len(asked) == 3 + 2


@pytest.mark.parametrize("part", [b"H", OK, CHUNKED + b"4\r\nha"])
async def test_a_request_that_was_answered_in_part_is_not_sent_again(by_hand, pool_to, part):
    asked = []

    async def talk(visit):
        asked.append(await visit.request())
        await visit.say(WHOLE)
        asked.append(await visit.request())
        await visit.say(part)

    provider = await by_hand(talk)
    pool = pool_to(provider.port)
    await exchange(pool)

    with pytest.raises(BrokenOff):
        await exchange(pool)

    assert len(asked) == 2


async def test_a_fresh_connection_that_says_nothing_is_not_asked_again(by_hand, pool_to):
    async def talk(visit):
        await visit.request()

    provider = await by_hand(talk)

    with pytest.raises(BrokenOff):
        await ask(pool_to(provider.port))

    assert len(provider.visits) == 1


@pytest.mark.parametrize("answer", [OK + b"Content-Length: 9\r\n\r\nhalf", CHUNKED + b"4\r\nhalf\r\n"])
async def test_a_connection_in_the_middle_of_an_answer_is_closed_when_given_back(by_hand, pool_to, answer):
    left = asyncio.Event()

    async def talk(visit):
        await visit.request()
        await visit.say(answer)
        await visit.left()
        left.set()

    provider = await by_hand(talk)
    pool = pool_to(provider.port)

    pool.give_back(await ask(pool))

    async with asyncio.timeout(20):
        await left.wait()
    assert not pool._idle


async def test_old_connections_are_closed_the_newest_used_first(by_hand, pool_to, monkeypatch):
    provider = await by_hand(serve)
    pool = pool_to(provider.port)
    await asyncio.gather(exchange(pool), exchange(pool))
    _, kept = pool._idle

    connection = await ask(pool)
    assert connection is kept
    monkeypatch.setattr(module, "KEPT_S", 0.01)
    pool._sweep()
    await until(lambda: not pool._idle)
    await connection.whole(100)
    pool.give_back(connection)

    assert list(pool._idle) == [kept]
    await until(lambda: not pool._idle)
    assert len(provider.visits) == 2


async def test_no_more_are_kept_than_agreed(by_hand, pool_to, monkeypatch):
    monkeypatch.setattr(module, "MOST_KEPT", 2)
    provider = await by_hand(serve)
    pool = pool_to(provider.port)

    await asyncio.gather(*[exchange(pool) for _ in range(5)])

    assert len(pool._idle) == 2


async def test_a_closed_pool_closes_what_is_given_back(by_hand, pool_to):
    left = asyncio.Event()

    async def talk(visit):
        await visit.request()
        await visit.say(WHOLE)
        await visit.left()
        left.set()

    provider = await by_hand(talk)
    pool = pool_to(provider.port)
    connection = await ask(pool)
    await connection.whole(100)

    pool.close()
    pool.give_back(connection)

    async with asyncio.timeout(20):
        await left.wait()


async def test_nobody_there_is_told(pool_to, by_hand):
    provider = await by_hand(serve)

    with pytest.raises(OSError):
        await ask(pool_to(1))
    with pytest.raises(NoAddress):
        await ask(pool_to(provider.port, host="no-such-host.invalid"))


async def test_cancelled_while_it_connects_nothing_stays_open(by_hand, pool_to):
    taken = asyncio.Event()

    async def deaf(visit):
        taken.set()
        await visit.left()
        gone.set()

    gone = asyncio.Event()
    provider = await by_hand(deaf)
    tls = ssl.create_default_context()
    task = asyncio.create_task(ask(pool_to(provider.port, tls=tls)))  # its handshake is never answered
    await taken.wait()

    task.cancel()

    async with asyncio.timeout(20):
        await gone.wait()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.fixture
def certified(tmp_path):
    """A server's TLS for `localhost`, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=path)


async def test_tls_is_spoken_under_the_name_of_the_host(by_hand, pool_to, certified):
    server, trusting = certified
    names = []
    server.sni_callback = lambda _socket, name, _context: names.append(name)
    provider = await by_hand(serve, ssl=server)
    pool = pool_to(provider.port, host="localhost", tls=trusting)

    assert [await exchange(pool), await exchange(pool)] == [b"ok", b"ok"]
    assert names == ["localhost"]


async def test_a_certificate_nobody_vouches_for_or_of_another_name_is_refused(by_hand, pool_to, certified):
    server, trusting = certified
    provider = await by_hand(serve, ssl=server)

    with pytest.raises(ssl.SSLCertVerificationError):
        await ask(pool_to(provider.port, host="localhost", tls=ssl.create_default_context()))
    with pytest.raises(ssl.SSLCertVerificationError):
        await ask(pool_to(provider.port, host="127.0.0.1", tls=trusting))
