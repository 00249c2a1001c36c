"""A flood of logins fills the queue for passwords.

Kind: each 503 is an error in the log, which pages the operator and fills the disk.
Right: at most a few lines a second, with the number of those left out.
"""

import threading
import time

from harness import Service, count


def run(programs):
    limits = ["--argon2-permits", "1", "--login-limit", "100000/1", "--api-limit", "100000/1"]
    with Service(programs, "portal", *limits) as service:
        statuses = []

        def log_in(number):
            try:
                statuses.append(service.log_in(f"user-{number}").status)
            except TimeoutError:
                statuses.append(None)

        start = time.monotonic()
        threads = [threading.Thread(target=log_in, args=(number,)) for number in range(400)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - start
        service.terminate()
        busy = statuses.count(503)
        assert busy > 50, statuses
        lines = count("(?m)^\\S+ +(ERROR|WARN) ", service.log())
        assert lines <= 10 * (seconds + 1), f"{lines} lines in {seconds:.1f} s for {busy} responses"
        assert "suppressed=" in service.log()
