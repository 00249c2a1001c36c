"""The process that read the log has ended.

Kind: a write to a closed pipe (EPIPE) panics in each request.
Right: every request is answered.
"""

import os

from harness import Service, for_each, works


def run(programs):
    for_each(lambda name: check(programs, name))


def check(programs, name):
    reader, writer = os.pipe()
    with Service(programs, name, stderr=writer) as service:
        os.close(writer)
        works(service, requests=1)
        os.close(reader)
        works(service)
        assert service.terminate()[0] == 0, name
