"""A flood of requests that need no credentials, and succeed.

Kind: each request is a line in the log, so that a stranger fills the disk.
Right: at most a few lines a second, with the number of those left out.
"""

import time

from harness import Service, count, for_each


def run(programs):
    for_each(lambda name: check(programs, name), ["kliento", "kliento-axum", "portal"])


def check(programs, name):
    limits = ["--api-limit", "100000/1"] if name == "portal" else []
    with Service(programs, name, *limits) as service:
        start = time.monotonic()
        for _ in range(100):
            assert service.get().status == 200
        # At the end of a second, the number of the others is logged.
        time.sleep(1.1)
        assert service.get().status == 200
        seconds = time.monotonic() - start
        service.terminate()
        log = service.log()
        lines = count("(?m)^\\S+ +(INFO|WARN|ERROR) ", log)
        assert lines <= 10 * (seconds + 1), f"{name}: {lines} lines in {seconds:.1f} s"
        assert name == "kliento" or count(r"suppressed=[1-9]", log), f"{name}: {log}"
