"""What mails say, and to whom they go."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from core.actions.mails import send_verification_mail
from core.actions.users import verify
from core.clients.mail import Mail
from core.links import read_verification

URL = "https://gateway.example.com"
SECRET = "of no importance"


@dataclass
class Kept:
    mails: list[Mail] = field(default_factory=list)

    def send(self, mail: Mail) -> None:
        self.mails.append(mail)


def send(db, user_id, outbox):
    return send_verification_mail(db, user_id, outbox=outbox, secret_key=SECRET, public_url=URL)


def test_the_link_proves_the_address_of_who_opens_it(db, make):
    user, outbox = make.user(email="o'hara@example.com"), Kept()

    assert send(db, user.id, outbox)

    [mail] = outbox.mails
    link = next(line for line in mail.text.splitlines() if line.startswith(f"{URL}/verify/"))
    assert mail.to == "o'hara@example.com"
    assert read_verification(link.rsplit("/", 1)[1], secret=SECRET) == (user.id, user.email)
    assert link in mail.html
    assert "o&#x27;hara" in mail.html


def test_nobody_is_asked_to_verify_twice(db, make):
    user, outbox = make.user(), Kept()
    verify(user, now=datetime.now(UTC))

    assert not send(db, user.id, outbox)
    assert not send(db, uuid4(), outbox)
    assert outbox.mails == []
