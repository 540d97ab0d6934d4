"""Sending mail over SMTP."""

from dataclasses import replace
from email import message_from_bytes, policy

import pytest

from core.clients.mail import Mail, SmtpOutbox, compose
from core.config import Misconfigured
from tests.worker.mailbox import Mailbox

MAIL = Mail(to="ada@example.com", subject="Grüße", text="Hello, 世界\n", html="<p>Hello, 世界</p>\n")
SENDER = "BazaarLink <no-reply@example.com>"


def test_a_mail_arrives_as_text_and_as_html():
    with Mailbox() as mailbox:
        SmtpOutbox.from_url(mailbox.url, sender=SENDER).send(MAIL)

    [(sender, recipients, content)] = mailbox.mails
    message = message_from_bytes(content, policy=policy.default)
    assert (sender, recipients) == ("no-reply@example.com", ["ada@example.com"])
    assert (message["From"], message["To"], message["Subject"]) == (SENDER, "ada@example.com", "Grüße")
    assert message["Message-ID"].endswith("@example.com>")
    assert message.get_body(("plain",)).get_content() == "Hello, 世界\r\n"
    assert message.get_body(("html",)).get_content() == "<p>Hello, 世界</p>\r\n"


@pytest.mark.parametrize("field", ["to", "subject"])
def test_a_line_break_cannot_add_a_header(field):
    hostile = replace(MAIL, **{field: f"{getattr(MAIL, field)}\r\nBcc: eve@example.com"})

    with pytest.raises(ValueError):
        compose(hostile, sender=SENDER)


@pytest.mark.parametrize("to", ["ada@example.com, eve@example.com", "Ada <ada@example.com>", "ada"])
def test_a_mail_goes_to_one_plain_address(to):
    with pytest.raises(ValueError):
        compose(replace(MAIL, to=to), sender=SENDER)


def test_a_server_that_is_away_is_an_os_error():
    with pytest.raises(OSError):
        SmtpOutbox.from_url("smtp://127.0.0.1:1", sender=SENDER).send(MAIL)


def test_a_url_gives_server_and_credentials():
    outbox = SmtpOutbox.from_url("smtps://me%40x:p%3Aw@mail.example.com", sender=SENDER)

    assert (outbox.host, outbox.port, outbox.user, outbox.password) == (
        "mail.example.com",
        465,
        "me@x",
        "p:w",
    )


@pytest.mark.parametrize("url", ["", "mail.example.com", "http://x", "smtp://", "smtp://x:port", "smtp://[x"])
def test_a_url_that_names_no_server_is_refused(url):
    with pytest.raises(Misconfigured, match="SMTP_URL"):
        SmtpOutbox.from_url(url, sender=SENDER)
