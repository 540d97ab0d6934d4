import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from socket import IPPROTO_TCP, TCP_NODELAY

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dev.ports import free_port
from proxy.store.address import Address
from proxy.store.errors import Away, Broken
from proxy.store.handshake import Identity, Timeouts, connect
from proxy.store.wire import command
from tests.proxy.conftest import until
from tests.proxy.store.servers import PASSWORD, URL_PASSWORD, own_server

PATIENT = Timeouts(answer_s=5, connect_s=5)
REPLICATION = b"# Replication\r\nrole:%s\r\nmaster_replid:def\r\nmaster_replid2:000\r\n"


@pytest.fixture
async def meet():
    """Connects to a URL and says who is there."""
    connections = []

    async def meet(url, timeouts=PATIENT):
        connection, identity = await connect(Address.from_url(url), timeouts)
        connections.append(connection)
        return connection, identity

    yield meet
    for connection in connections:
        connection.close()
        await connection.lost.wait()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that only itself vouches for: the file, and a server's side of it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "the test")])
    made = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, *plain)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return path, context


@pytest.mark.parametrize(
    ("server", "role", "identity"),
    [
        (b"# Server\r\nredis_mode:standalone\r\nrun_id:abc\r\n", b"master", Identity("abc:def", clustered=False, primary=True)),
        (b"server_mode:cluster\r\nrun_id:abc\r\n", b"slave", Identity("abc:def", clustered=True, primary=False)),
    ],
    ids=["redis", "valkey"],
)  # fmt: skip
def test_a_server_says_who_it_is(server, role, identity):
    assert Identity.from_info(server, REPLICATION % role) == identity


def test_a_server_that_does_not_say_is_refused():
    with pytest.raises(Broken, match="run_id"):
        Identity.from_info(b"# Server\r\n", None)


async def test_a_server_is_met_signed_in(meet, server):
    connection, identity = await meet(server.url)

    assert identity == Identity(server.life, clustered=False, primary=True)
    assert await connection.send(command("PING")) == b"PONG"


async def test_each_life_of_a_server_has_another_name(meet, server):
    _, before = await meet(server.url)
    server.kill()
    server.start()

    _, after = await meet(server.url)

    assert after.life != before.life


async def test_a_user_signs_in_and_finds_the_database(meet, server):
    server.ask("ACL", "SETUSER", "teller", "on", ">pw", "~*", "+@all")
    server.ask("SET", "where", "zero")

    connection, _ = await meet(f"redis://teller:pw@127.0.0.1:{server.port}/3")

    assert await connection.send(command("ACL", "WHOAMI")) == b"teller"
    assert await connection.send(command("GET", "where")) is None


@pytest.mark.parametrize(("password", "code"), [(":wrong@", "WRONGPASS"), ("", "NOAUTH")])
async def test_a_wrong_password_is_said_to_be_wrong(meet, server, password, code):
    with pytest.raises(Broken) as refused:
        await meet(f"redis://{password}127.0.0.1:{server.port}/0")

    assert refused.value.code == code
    assert PASSWORD not in str(refused.value)


async def test_a_server_is_met_at_a_socket_of_the_system(meet):
    with own_server("unixsocket here.sock", "unixsocketperm 777") as server:
        _, identity = await meet(f"unix://:{URL_PASSWORD}@{server.valkey.home.home}/here.sock")

        assert identity.life == server.life


async def test_a_server_is_met_through_tls(meet, server, wire_with_tls, certificate):
    path, _ = certificate

    connection, identity = await meet(
        f"rediss://:{URL_PASSWORD}@127.0.0.1:{wire_with_tls.port}/0?ssl_ca_certs={path}"
    )

    assert identity.life == server.life
    assert await connection.send(command("ECHO", b"x" * 100_000)) == b"x" * 100_000


async def test_a_certificate_nobody_vouches_for_is_refused(meet, wire_with_tls):
    with pytest.raises(Away, match="CERTIFICATE_VERIFY_FAILED"):
        await meet(f"rediss://:{URL_PASSWORD}@127.0.0.1:{wire_with_tls.port}")


@pytest.fixture
async def wire_with_tls(lay_wire, server, certificate):
    return await lay_wire(server.port, ssl=certificate[1])


async def test_nobody_there_is_away(meet):
    with pytest.raises(Away, match="no connection"):
        await meet(f"redis://127.0.0.1:{free_port()}")


async def test_a_server_that_does_not_answer_is_waited_for_no_longer_than_said(meet, server, wire):
    wire.deaf = True
    began = asyncio.get_running_loop().time()

    with pytest.raises(Away, match="no answer in time"):
        await meet(f"redis://127.0.0.1:{wire.port}", Timeouts(answer_s=5, connect_s=0.1))

    took_s = round(asyncio.get_running_loop().time() - began, 3)  # uvloop's clock counts milliseconds
    assert 0.1 <= took_s < 3
    await until(lambda: not wire.writers)  # and nothing of it stays open


async def test_small_commands_are_not_held_back(meet, server):
    connection, _ = await meet(server.url)

    socket = connection._transport.get_extra_info("socket")

    assert socket.getsockopt(IPPROTO_TCP, TCP_NODELAY) != 0
