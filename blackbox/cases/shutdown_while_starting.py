"""The portal is stopped while it starts, and waits for a server that accepts connections and does not respond.

Kind: signals are caught from the start on, but nothing waits for them yet, so `docker stop` kills the process.
Right: SIGTERM stops it at once, with exit code 0.
"""

import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from harness import TIMEOUT, for_each


def run(programs):
    for_each(lambda server: check(programs, server), ["PostgreSQL", "Redis", "Vault"])


def check(programs, server):
    with socket.create_server(("127.0.0.1", 0)) as silent, tempfile.TemporaryDirectory() as directory:
        silent.settimeout(TIMEOUT)
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        portal = str(programs / "portal")
        process = subprocess.Popen(
            [portal, *arguments(portal, server, address, Path(directory))],
            cwd=directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            accepted, _ = silent.accept()
            with accepted:
                start = time.monotonic()
                process.send_signal(signal.SIGTERM)
                code, seconds = process.wait(TIMEOUT), time.monotonic() - start
                assert code == 0 and seconds < 3, (server, code, seconds)
        finally:
            process.kill()
            process.wait()


def arguments(portal, server, address, directory):
    file = directory / "file"
    if server == "Vault":
        file.write_text("token")
        return ["--vault", f"http://{address}", "--vault-token-file", str(file)]
    if server == "Redis":
        file.write_text(os.urandom(32).hex())
        redis = ["--redis", f"redis://{address}", "--limit-secret", str(file)]
        return ["--listen", "127.0.0.1:0", *redis]
    given = ["--database", f"postgres://a:a@{address}/a", "--audit-key", str(directory / "audit-key")]
    for create in [["create-keys", str(file)], [*given, "audit", "create-key"]]:
        subprocess.run([portal, *create], capture_output=True, check=True)
    return [*given, "--keys", str(file)]
