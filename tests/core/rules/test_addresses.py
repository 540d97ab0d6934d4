"""A provider lives on the public internet unless an operator says otherwise, however its address is written."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.addresses import is_public, why_not_base_url


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_of_the_internet_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::ffff:0:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:5601:5601",
        "2001:db8::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "4000::1",
    ],
)
def test_every_other_address_is_not(address):
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_a_disguise_changes_nothing(address):
    mapped = ipaddress.IPv6Address(0xFFFF << 32 | int(address))
    translated = ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | int(address))
    tunnelled = ipaddress.IPv6Address(0x2002 << 112 | int(address) << 80)

    assert {is_public(str(disguise)) for disguise in (mapped, translated, tunnelled)} == {
        is_public(str(address))
    }


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1",
        "https://api.example.com",
        "https://API.Example.com:8443/openai/v1/",
        "https://8.8.8.8/v1",
        "https://[2606:4700::1111]/v1",
        "https://3com.example/v1",
        "https://0x7f.example/v1",
    ],
)
def test_public_providers_are_taken(url):
    assert why_not_base_url(url, allow_private=False) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/v1",
        "https://127.0.0.1:443",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://017700000001/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://1/",
        "https://api.example.0x7f/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://localhost/",
        "https://LOCALHOST/",
        "https://localhost./",
        "https://api.localhost/",
        "https://printer.local/",
        "https://local/",
        "https://metadata.google.internal/",
        "https://metadata.google.internal./",
        "https://169.254.169.254/latest/meta-data",
        "http://api.example.com/v1",
    ],
)
def test_a_private_place_is_refused_unless_it_is_meant(url):
    assert why_not_base_url(url, allow_private=False)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "http://localhost/v1", "http://[::1]:9/v1", "http://ollama:11434/v1"]
)
def test_a_private_place_may_be_meant(url):
    assert why_not_base_url(url, allow_private=True) is None


@pytest.mark.parametrize("allow_private", [True, False])
@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com",
        "//api.example.com/v1",
        "https://",
        "https:///v1",
        "https:api.example.com",
        "file:///etc/passwd",
        "gopher://api.example.com",
        "ftp://api.example.com",
        "javascript:alert(1)",
        "https://user@api.example.com/",
        "https://:pw@api.example.com/",
        "https://@api.example.com/",
        "https://api.example.com@127.0.0.1/",
        "https://127.0.0.1\\@api.example.com/",
        "https://api.example.com\\.evil.example/",
        "https://api.example.com/?key=1",
        "https://api.example.com/v1?",
        "https://api.example.com/#part",
        "https://api.example.com/v1#",
        "https://api.exam\nple.com/",
        "https://api.example.com/\t",
        " https://api.example.com/",
        "https://api.example.com /",
        "https://api.example.com\x00.evil/",
        "https://ⓛocalhost/",
        "https://127。0。0。1/",
        "https://api..example.com/",
        "https://.example.com/",
        "https://api.example.com:99999/",
        "https://api.example.com:port/",
        "https://[::1/",
        "https://[v1.x]/",
        "https://a%2eb/",
        "https://api.example.com/" + "x" * 500,
    ],
)
def test_what_two_parsers_might_read_differently_is_no_base_url(url, allow_private):
    assert why_not_base_url(url, allow_private=allow_private)


@given(st.text(max_size=60), st.booleans())
def test_no_text_makes_the_check_fail(text, allow_private):
    for url in (text, f"https://{text}", f"https://[{text}]/"):
        assert why_not_base_url(url, allow_private=allow_private) != ""


def test_a_name_is_judged_again_when_it_is_connected_to():
    assert why_not_base_url("https://rebound.example.com/v1", allow_private=False) is None
    assert not is_public("127.0.0.1")  # what it may resolve to then
