"""The process that reads the log does not read.

Kind: a full pipe blocks each request that logs, and the shutdown.
Right: every request is answered, and SIGTERM stops the program in the time of `docker stop`.
"""

import fcntl
import os

from harness import Service, for_each, works


def run(programs):
    for_each(lambda name: check(programs, name))


def check(programs, name):
    reader, writer = os.pipe()
    # The smallest pipe is full after a few lines.
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    options = {"stderr": writer, "env": {"RUST_LOG": "debug"}}
    with Service(programs, name, **options) as service:
        os.close(writer)
        works(service, requests=100)
        code, seconds = service.terminate()
        assert code == 0 and seconds < 10, (name, code, seconds)
    os.close(reader)
