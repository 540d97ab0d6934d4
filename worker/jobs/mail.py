"""Mail jobs."""

from uuid import UUID

from core.actions.mails import send_verification_mail
from core.clients.mail import SmtpOutbox
from core.config import Misconfigured
from worker.context import work


def send_verification(user_id: str) -> None:
    """Send the link that proves a mail address. Without SMTP_URL the job fails and waits to be run again."""
    with work() as job:
        if job.settings.smtp_url is None:
            raise Misconfigured("SMTP_URL is not set, so no mail can be sent; docs/settings.md says how")
        send_verification_mail(
            job.session,
            UUID(user_id),
            outbox=SmtpOutbox.from_url(job.settings.smtp_url, sender=job.settings.mail_from),
            secret_key=job.settings.secret_key,
            public_url=job.settings.public_url,
        )
