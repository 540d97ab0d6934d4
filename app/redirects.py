"""Where a reader may be sent after a form: a path of ours, never another site."""

import re
from urllib.parse import urlsplit

# One slash, then neither a second one nor a backslash (browsers read both as a host); no control characters.
LOCAL = re.compile(r"/(?:[^/\\\x00-\x20\x7f][^\\\x00-\x20\x7f]*)?")
LONGEST = 2000


def local_path(wanted: str | None, *, default: str) -> str:
    """The wanted path when it is one of this origin's, else the default."""
    if not wanted or len(wanted) > LONGEST or not LOCAL.fullmatch(wanted):
        return default
    parts = urlsplit(wanted)
    return default if parts.scheme or parts.netloc else wanted
