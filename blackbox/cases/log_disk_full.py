"""The disk of the log is full.

Kind: a logger that panics or exits on ENOSPC takes the service down.
Right: every request is answered; the lines are lost; SIGTERM still stops the program cleanly.
"""

from harness import Service, device, for_each, works


def run(programs):
    for_each(lambda name: check(programs, name))


def check(programs, name):
    with Service(programs, name, stderr=device("/dev/full")) as service:
        works(service)
        assert service.terminate()[0] == 0, name
