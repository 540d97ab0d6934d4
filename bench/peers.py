"""What our relay is held against: the upstream itself, nginx as a plain proxy, and LiteLLM's proxy."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.cores import Cores, on
from bench.install import HOME, ROOT, environment, nginx
from bench.ours import scripts_run
from bench.targets import RELAY, Target, running
from bench.wire import MODEL
from dev.answers import answers_http
from dev.ports import LOOPBACK, free_port
from dev.programs import Layer, Program
from dev.valkey import Valkey, temporary_valkey

DIRECT, NGINX, LITELLM = "direct", "nginx", "litellm"

# One worker, connections kept on both sides, streams passed on as they come, nothing written down.
NGINX_CONF = """
daemon off; worker_processes 1; pid nginx.pid; {user}
events {{ worker_connections 4096; }}
http {{
  access_log off; tcp_nodelay on; keepalive_requests 1000000000; client_body_buffer_size 64k;
  client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  upstream provider {{ server {host}:{upstream_port}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen {host}:{port};
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_buffering off;
      proxy_set_header Connection ""; proxy_set_header Authorization "Bearer upstream";
    }}
  }}
}}
"""


@contextmanager
def upstream(cores: Cores) -> Iterator[Target]:
    """Run the upstream. Called directly it is the base that added latency is counted from."""
    port = free_port()
    argv = [sys.executable, "-m", "bench.upstream", str(port)]
    env = {"PATH": os.environ.get("PATH", os.defpath)}
    is_ready = lambda: answers_http(port, "/")  # noqa: E731
    with running(Program("upstream", argv, env, Layer.SIDE, cwd=ROOT, is_ready=is_ready), cores.load) as pid:
        yield Target(DIRECT, "no relay between", port, parts={RELAY: pid})


@contextmanager
def plain_proxy(*, upstream_port: int, cores: Cores) -> Iterator[Target]:
    """Run nginx with one worker. Raises Missing where there is none to be had."""
    binary, port = nginx(), free_port()
    home = HOME / "run" / "nginx"
    home.mkdir(parents=True, exist_ok=True)
    user = "user root;" if os.geteuid() == 0 else ""
    conf = home / "nginx.conf"
    conf.write_text(NGINX_CONF.format(user=user, host=LOOPBACK, port=port, upstream_port=upstream_port))
    argv = [str(binary), "-p", f"{home}/", "-c", str(conf), "-e", "stderr"]
    env = {"PATH": os.environ.get("PATH", os.defpath)}
    program = Program(NGINX, argv, env, Layer.SIDE, is_ready=lambda: answers_http(port, "/"))
    said = subprocess.run([binary, "-v"], capture_output=True, text=True, check=False).stderr
    with running(program, cores.target) as pid:
        yield Target(NGINX, said.partition("nginx/")[2].strip(), port, parts={RELAY: pid})


@contextmanager
def litellm(*, upstream_port: int, cores: Cores) -> Iterator[Target]:
    """Run LiteLLM's proxy with one worker and its limits in a Valkey of its own. Raises Missing."""
    programs = environment("litellm")
    with ExitStack() as stack:
        with on(cores.stores):
            valkey = stack.enter_context(temporary_valkey(durable=True))
        port, key = free_port(), f"sk-{secrets.token_hex(16)}"
        config = litellm_config(valkey, upstream_port)
        argv = [str(programs / "litellm"), "--config", str(config), "--host", LOOPBACK,
                "--port", str(port), "--num_workers", "1"]  # fmt: skip
        program = Program(
            LITELLM, argv, litellm_environment(programs, key), Layer.SIDE,
            cwd=config.parent, is_ready=lambda: answers_http(port, "/health/liveliness"),
        )  # fmt: skip
        pid = stack.enter_context(running(program, cores.target))
        assert valkey.pid
        yield Target(
            LITELLM,
            litellm_version(),
            port,
            {"Authorization": f"Bearer {key}"},
            {RELAY: pid, "valkey": valkey.pid},
            scripts=lambda: scripts_run(valkey.url),
        )


def litellm_config(valkey: Valkey, upstream_port: int) -> Path:
    """Its configuration, in a file only we can read; JSON is YAML too."""
    home = HOME / "run" / "litellm"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "bench" / "litellm_keys.py", home)  # it imports it from beside the file
    redis = {"host": LOOPBACK, "port": valkey.port, "password": valkey.password}
    served = {
        "model": "openai/bench-model",
        "api_base": f"http://{LOOPBACK}:{upstream_port}/v1",
        "api_key": "upstream",
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": 2e-6,
    }
    document = {
        "model_list": [{"model_name": MODEL, "litellm_params": served}],
        "litellm_settings": {
            "num_retries": 0,
            "telemetry": False,
            "enable_post_custom_auth_checks": True,
            "cache": True,  # the connection its limiter uses; no answer is kept
            "cache_params": {"type": "redis", **redis, "supported_call_types": []},
        },
        "general_settings": {"master_key": f"sk-{secrets.token_hex(16)}", "custom_auth": "litellm_keys.find"},
    }
    path = home / "config.yaml"
    path.touch(mode=0o600)
    path.write_text(json.dumps(document, indent=1))
    return path


def litellm_environment(programs: Path, key: str) -> dict[str, str]:
    """What it needs to run at its best, and without a network."""
    return {
        "PATH": f"{programs}:{os.environ.get('PATH', os.defpath)}",
        "HOME": str(HOME / "run" / "litellm"),
        "BENCH_KEY": key,
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "NO_DOCS": "True",
        "DISABLE_ADMIN_UI": "True",
    }


def litellm_version() -> str:
    lines = (ROOT / "requirements" / "bench-litellm.in").read_text().split()
    return next(line.partition("==")[2] for line in lines if line.startswith("litellm"))
