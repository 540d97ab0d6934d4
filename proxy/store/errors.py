"""How a script may fail.

Exception
├── Away         no answer in time; what was sent may have run, or not
│   └── Fenced   nothing was sent: these are not the servers we trust
└── Broken       the server answered with an error
"""


class Away(Exception):
    """Not connected, the connection was lost, or no answer came in time. The outcome is unknown."""


class Fenced(Away):
    """The servers are not those the owner allowed; nothing was sent to them."""


class Broken(Exception):
    """The server's own error, as it said it. `code` is the first word: OOM, LOADING, WRONGTYPE, ERR."""

    @property
    def code(self) -> str:
        return str(self).partition(" ")[0]
