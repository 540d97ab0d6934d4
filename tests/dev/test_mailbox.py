import mailbox
import smtplib
import subprocess
import sys
from email.message import EmailMessage

import pytest

from dev.answers import greets
from dev.mailbox import Keeper
from dev.ports import LOOPBACK, free_port
from tests.dev.waiting import until


@pytest.fixture
def served(tmp_path):
    port, directory = free_port(), tmp_path / "mail"
    argv = [sys.executable, "-m", "dev.mailbox", "--port", str(port), "--dir", str(directory)]
    process = subprocess.Popen(argv)
    until(lambda: greets(port, b"220"))
    yield port, directory
    process.terminate()
    assert process.wait(20) == 0


def test_a_mail_lands_whole_in_the_directory(served):
    port, directory = served
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "驗證碼 123456", "us@demo.example", "ada@demo.example"
    mail.set_content("Your code is 123456.\n")

    with smtplib.SMTP(LOOPBACK, port, timeout=5) as link:
        link.send_message(mail)

    (kept,) = mailbox.Maildir(directory, factory=None, create=False)
    assert kept["X-RcptTo"] == "ada@demo.example"
    assert "Your code is 123456." in kept.get_payload()


def test_a_mail_too_large_is_refused(served):
    port, directory = served

    with smtplib.SMTP(LOOPBACK, port, timeout=20) as link, pytest.raises(smtplib.SMTPSenderRefused):
        link.sendmail("us@demo.example", ["ada@demo.example"], b"x" * 10_000_001)

    assert len(mailbox.Maildir(directory, create=False)) == 0


def test_the_oldest_mails_go_when_there_are_too_many(tmp_path):
    keeper = Keeper(tmp_path / "mail", most=2)
    for text in (b"one", b"two", b"three"):
        keeper.mails.add(text)

    keeper.drop_oldest()

    assert len(keeper.mails) == 2
