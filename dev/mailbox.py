"""A mail server for one machine: it takes every mail and puts it into a Maildir."""

import argparse
import asyncio
import mailbox
import signal
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from dev.ports import LOOPBACK

LARGEST = 10_000_000  # bytes of one mail
MOST = 1000  # mails kept; the oldest go


class Keeper:
    """Stores what the server takes."""

    def __init__(self, directory: Path, *, most: int = MOST) -> None:
        directory.parent.mkdir(parents=True, exist_ok=True)
        self.mails, self.most = mailbox.Maildir(directory), most

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        mail = mailbox.MaildirMessage(envelope.original_content)
        for name, value in (("X-MailFrom", envelope.mail_from), ("X-RcptTo", ", ".join(envelope.rcpt_tos))):
            del mail[name]
            mail[name] = value or ""
        self.mails.add(mail)
        self.drop_oldest()
        return "250 OK"

    def drop_oldest(self) -> None:
        # A Maildir key begins with the second it was made in, so that the order of keys is that of arrival.
        for key in sorted(self.mails.keys())[: -self.most]:
            self.mails.remove(key)


async def serve(port: int, directory: Path) -> None:
    """Take mail until SIGTERM."""
    loop, stopping, keeper = asyncio.get_running_loop(), asyncio.Event(), Keeper(directory)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)

    def session() -> SMTP:
        return SMTP(keeper, data_size_limit=LARGEST, enable_SMTPUTF8=True, hostname="localhost", loop=loop)

    async with await loop.create_server(session, LOOPBACK, port):
        await stopping.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m dev.mailbox")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.dir))


if __name__ == "__main__":
    main()
