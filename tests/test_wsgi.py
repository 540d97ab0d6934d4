import os
import subprocess
import sys

from app import ROOT


def test_gunicorn_finds_an_application(settings):
    env = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": "of no importance",
        "KEY_PEPPER": "5a" * 32,
        "PROVIDER_SECRET": "a5" * 32,
    }
    program = "from wsgi import app; print(app.test_client().get('/healthz').json)"

    done = subprocess.run(
        [sys.executable, "-c", program],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.strip() == "{'status': 'ok'}", done.stderr
