"""A real SMTP server that keeps what it is sent."""

from typing import Any, Self

from aiosmtpd.controller import Controller

from dev.ports import free_port


class Mailbox:
    """`mails` holds (sender, recipients, content) of each mail taken."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, list[str], bytes]] = []
        port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=port)
        self.url = f"smtp://127.0.0.1:{port}"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 OK"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
