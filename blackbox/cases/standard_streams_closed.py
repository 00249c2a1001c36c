"""The program starts with closed, full or unread standard streams.

Kind: a daemon is started with `>&- 2>&-`, or under a supervisor whose disk is full.
Right: it starts and serves.
"""

import os

from harness import Service, device, for_each, works


def run(programs):
    for_each(lambda name: check(programs, name))


def check(programs, name):
    full = device("/dev/full")
    with Service(programs, name, stdout=full, stderr=full) as service:
        works(service, requests=3)
    shell = ["sh", "-c", 'exec "$0" "$@" >&- 2>&-']
    with Service(programs, name, command=shell) as service:
        works(service, requests=3)
    # An invalid filter is reported on standard error.
    with Service(programs, name, stderr=full, env={"RUST_LOG": "=x=,,!"}) as service:
        works(service, requests=3)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while os.write(writer, b"x" * 4096):
            pass
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    with Service(programs, name, stdout=writer, stderr=writer) as service:
        works(service, requests=3)
    os.close(writer)
    os.close(reader)
