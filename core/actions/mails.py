"""Mails to people: what they say, and sending them. Sending one twice is harmless."""

from html import escape
from uuid import UUID

from sqlalchemy.orm import Session

from core.clients.mail import Mail, Outbox
from core.links import verification_token
from core.queries.users import user_by_id

VERIFICATION_TEXT = """\
Welcome to BazaarLink.

Open this link to confirm that {email} is yours:

{link}

If you did not sign up, ignore this mail and nothing more happens.
"""
VERIFICATION_HTML = """\
<p>Welcome to BazaarLink.</p>
<p><a href="{link}">Confirm that {email} is yours</a></p>
<p>Or copy this link into your browser:<br>{link}</p>
<p>If you did not sign up, ignore this mail and nothing more happens.</p>
"""


def send_verification_mail(
    session: Session, user_id: UUID, *, outbox: Outbox, secret_key: str, public_url: str
) -> bool:
    """Send the link that proves a mail address. False when there is nobody left to send it to."""
    user = session.scalar(user_by_id(user_id))
    if user is None or user.verified_at is not None:
        return False
    link = f"{public_url}/verify/{verification_token(user.id, user.email, secret=secret_key)}"
    outbox.send(
        Mail(
            to=user.email,
            subject="Confirm your mail address",
            text=VERIFICATION_TEXT.format(email=user.email, link=link),
            html=VERIFICATION_HTML.format(email=escape(user.email), link=escape(link)),
        )
    )
    return True
