"""Runs the real launch with small programs in place of the product: `python -m tests.dev.stand_in STATE PORT`."""

import os
import sys
from dataclasses import replace
from pathlib import Path

from dev import supervisor
from dev.launch import launch
from dev.processes import Processes, processes

ANSWER = """
import http.server
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"ok")
http.server.ThreadingHTTPServer(("127.0.0.1", %d), Answer).serve_forever()
"""
WAIT = "import signal; print('working', flush=True); signal.pause()"
RELEASE = os.environ.get("STAND_IN_RELEASE", "print('done')")


def table(plan):
    whole = processes(plan)

    def stand_in(program):
        port = {"web": plan.ports["web"], "proxy": plan.port, "simulator": plan.ports["simulator"]}.get(
            program.name
        )
        if program.name == "mailbox":
            return program
        code = ANSWER % port if port else WAIT
        return replace(program, argv=[sys.executable, "-c", code])

    return Processes(
        sides=[stand_in(program) for program in whole.sides],
        release=replace(whole.release, argv=[sys.executable, "-c", RELEASE]),
        rest=[stand_in(program) for program in whole.rest],
    )


if __name__ == "__main__":
    # What ends when it is asked to does so here however busy the machine is: nothing need be killed.
    supervisor.GRACE_S = {layer: 10 * grace_s for layer, grace_s in supervisor.GRACE_S.items()}
    sys.exit(launch(Path(sys.argv[1]), port=int(sys.argv[2]), environ=os.environ, table=table))
