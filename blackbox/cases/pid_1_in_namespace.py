"""The program is process 1 of a container.

Kind: process 1 ignores signals without a handler, so `docker stop` kills it after 10 seconds.
Right: SIGTERM stops it within that time, with exit code 0, also while a request is open.
"""

import os
import signal
import time
from pathlib import Path

from harness import Service, for_each, namespace, wait_for, works


def run(programs):
    command = namespace("--pid", "--fork", "--mount-proc", "--kill-child")
    for_each(lambda name: check(programs, name, command))


def check(programs, name, command):
    with Service(programs, name, command=command) as service:
        works(service, requests=3)
        children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
        child = int(children.read_text().split()[0])
        with service.connect() as stream:
            stream.sendall(b"POST /?audience=a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
            time.sleep(0.2)
            start = time.monotonic()
            os.kill(child, signal.SIGTERM)
            wait_for("the exit", lambda: service.process.poll() is not None)
            assert time.monotonic() - start < 10, name
            assert service.process.returncode == 0, (name, service.process.returncode)
