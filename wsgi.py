"""What gunicorn loads: `gunicorn wsgi:app`. Settings come from the environment."""

import os

from app import build_app
from core.config import Settings
from core.logs import configure_logs

settings = Settings.from_env(os.environ)
configure_logs(settings.log_level, "web")
app = build_app(settings)
