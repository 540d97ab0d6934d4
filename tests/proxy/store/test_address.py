import ssl

import pytest

from proxy.store.address import Address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://cache", Address("cache", 6379)),
        ("redis://127.0.0.1:7000/3", Address("127.0.0.1", 7000, db=3)),
        ("redis://[::1]:7000", Address("::1", 7000)),
        ("redis://:p%40ss@cache/0", Address("cache", 6379, password="p@ss")),
        (
            "redis://me:pw@cache?db=2&socket_timeout=9",
            Address("cache", 6379, username="me", password="pw", db=2),
        ),
        ("unix:///run/v%20k.sock?db=1", Address("localhost", 6379, path="/run/v k.sock", db=1)),
        ("unix://:pw@/run/v.sock", Address("localhost", 6379, path="/run/v.sock", password="pw")),
    ],
)
def test_a_url_says_where_and_who(url, address):
    assert Address.from_url(url) == address


def test_a_password_is_in_no_text_of_it():
    address = Address.from_url("redis://me:hidden@cache:7000")

    assert "hidden" not in f"{address} {address!r}"
    assert str(address) == "cache:7000"
    assert str(Address.from_url("unix:///run/v.sock")) == "/run/v.sock"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://cache", []),
        ("redis://:pw@cache", [b"*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n"]),
        ("redis://me:pw@cache/0", [b"*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$2\r\npw\r\n"]),
        ("redis://cache/5", [b"*2\r\n$6\r\nSELECT\r\n$1\r\n5\r\n"]),
    ],
)
def test_signing_in_says_no_more_than_needed(url, said):
    assert list(Address.from_url(url).sign_in()) == said


def test_other_servers_of_a_cluster_are_reached_the_same_way():
    seed = Address.from_url("rediss://me:pw@seed:7000")

    other = seed.at("10.0.0.2", 7001)

    assert (other.host, other.port) == ("10.0.0.2", 7001)
    assert (other.username, other.password, other.tls) == ("me", "pw", seed.tls)
    assert seed.at("10.0.0.2", 7001) == other
    assert hash(seed.at("10.0.0.2", 7001)) == hash(other)


def test_certificates_are_checked_unless_the_url_says_not():
    checked = Address.from_url("rediss://cache").tls
    unchecked = Address.from_url("rediss://cache?ssl_cert_reqs=none").tls

    assert (checked.verify_mode, checked.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (unchecked.verify_mode, unchecked.check_hostname) == (ssl.CERT_NONE, False)
    assert Address.from_url("redis://cache").tls is None
