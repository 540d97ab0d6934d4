"""Which network addresses a provider may live on."""

import ipaddress
import re
from urllib.parse import urlsplit

MAX_URL = 500
HOST_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.ASCII)
# "2130706433", "0x7f.1": some resolvers read them as an IPv4 address, others as a name; nobody needs them.
ODD_IPV4 = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)", re.ASCII)
IPV6 = re.compile(r"[0-9a-f]*:[0-9a-f:.]*", re.ASCII)
PRIVATE_NAMES = (".localhost", ".local", ".internal")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that was ever given out


def is_public(address: str) -> bool:
    """Say whether an IP address belongs to the public internet, seen through IPv4-in-IPv6 disguises."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        return ip in GLOBAL_UNICAST and ip.is_global
    return ip.is_global and not ip.is_multicast


def why_not_base_url(url: str, *, allow_private: bool) -> str | None:
    """What is wrong with a provider's base URL, as a sentence; None when it may be used.

    A host name is judged again when it is connected to, by the address it then resolves to.
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "The base URL cannot be read."
    if any(sign in url for sign in "@?#"):
        return "The base URL must hold no user name, password, query or fragment."
    if not _looks_right(url, parts.scheme, host):
        return "The base URL must look like https://api.example.com/v1."
    assert host is not None  # a URL that looks right has one
    if allow_private:
        return None
    if parts.scheme != "https":
        return "The base URL must be https, unless the provider may be on a private address."
    if f".{host}".endswith(PRIVATE_NAMES):
        return "The base URL names a private host; allow that for this provider if you mean it."
    try:
        public = is_public(host)
    except ValueError:
        public = ":" not in host and not ODD_IPV4.fullmatch(host)  # a name, unless it only looks like one
    return None if public else "The base URL is a private address; allow that if you mean it."


def _looks_right(url: str, scheme: str, host: str | None) -> bool:
    """Say whether every URL parser will find the same host in it: plain ASCII, nothing to be cleaned away."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return False
    if scheme not in {"http", "https"} or not host:
        return False
    if ":" in host or "[" in url:
        return IPV6.fullmatch(host) is not None
    return HOST_NAME.fullmatch(host) is not None
