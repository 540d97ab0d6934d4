"""Sending mail: what a mail is, who can carry one, and SMTP as the one that does."""

import smtplib
import socket
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime, make_msgid
from typing import Protocol, Self
from urllib.parse import unquote, urlsplit

from core.config import Misconfigured

TIMEOUT_S = 20
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one person, as text and as HTML."""

    to: str
    subject: str
    text: str
    html: str


class Outbox(Protocol):
    """Whoever can carry a mail. Raises OSError when it was not taken."""

    def send(self, mail: Mail) -> None: ...


@dataclass(frozen=True, slots=True)
class SmtpOutbox:
    """Hands mail to an SMTP server: smtp://host:25, smtp+starttls://user:password@host, smtps://..."""

    scheme: str
    host: str
    port: int
    user: str | None
    password: str | None
    sender: str

    @classmethod
    def from_url(cls, url: str, *, sender: str) -> Self:
        """Raises Misconfigured for a URL that names no server."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in PORTS or not parts.hostname:
            raise Misconfigured("SMTP_URL must look like smtp://host:25 or smtps://user:password@host")
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port or PORTS[parts.scheme],
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            sender=sender,
        )

    def send(self, mail: Mail) -> None:
        """Hand a mail over. Raises OSError (smtplib's errors are some) when the server did not take it."""
        message = compose(mail, sender=self.sender)
        name = socket.gethostname()  # smtplib's own choice asks the name service first
        connect = smtplib.SMTP_SSL if self.scheme == "smtps" else smtplib.SMTP
        with connect(self.host, self.port, local_hostname=name, timeout=TIMEOUT_S) as server:
            if self.scheme == "smtp+starttls":
                server.starttls()
            if self.user is not None:
                server.login(self.user, self.password or "")
            server.send_message(message)


def compose(mail: Mail, *, sender: str) -> EmailMessage:
    """The message as it travels. Raises ValueError for an address or subject that would add a header."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = Address(addr_spec=mail.to)
    message["Subject"] = mail.subject
    message["Date"] = localtime()
    message["Message-ID"] = make_msgid(domain=message["From"].addresses[0].domain or "localhost")
    message["Auto-Submitted"] = "auto-generated"  # no out-of-office answers, please
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message
