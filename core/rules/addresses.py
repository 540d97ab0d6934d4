"""Which network addresses a provider may live on."""

import ipaddress
from urllib.parse import urlsplit

MAX_URL = 500


def is_public(address: str) -> bool:
    """Say whether an IP address belongs to the public internet, seen through IPv4-in-IPv6 disguises."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
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
    if len(url) > MAX_URL or parts.scheme not in {"http", "https"} or not host:
        return "The base URL must look like https://api.example.com/v1."
    if parts.username or parts.password or parts.query or parts.fragment:
        return "The base URL must hold no user name, password, query or fragment."
    if allow_private:
        return None
    if parts.scheme != "https":
        return "The base URL must be https, unless the provider may be on a private address."
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return "The base URL names a private host; allow that for this provider if you mean it."
    try:
        public = is_public(host)
    except ValueError:
        return None  # a name, not an address
    return None if public else "The base URL is a private address; allow that if you mean it."
