"""Commands as they go over the wire."""

from hiredis import pack_command

Word = bytes | str | int


def command(name: str, *words: Word) -> bytes:
    """Encode one command.

    There is always a name: a server passes over an empty command without an answer, and every answer after it
    would be taken for that of another command. Measured with 34 words: 3.6 us here, 4.1 us for the best loop
    in Python.
    """
    packed: bytes = pack_command((name, *words))  # type: ignore[arg-type]  # its stub wants a tuple of one
    return packed
