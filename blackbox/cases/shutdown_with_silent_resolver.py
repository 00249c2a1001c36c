"""The portal is stopped while the system looks up the name of its Redis, and no name server responds.

Kind: a blocking lookup keeps the process until it times out, so `docker stop` kills it.
Right: it serves without Redis, and SIGTERM stops it within 10 seconds, with exit code 0.
"""

import os
import socket
import tempfile
from pathlib import Path

from harness import TIMEOUT, Service, Skip, namespace, works

# Not 127.0.0.53, which systemd-resolved has.
NAME_SERVER = "127.0.0.99"
CONFIGURATION = f"nameserver {NAME_SERVER}\noptions timeout:{TIMEOUT} attempts:5\n"


def run(programs):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        try:
            silent.bind((NAME_SERVER, 53))
        except OSError as error:
            raise Skip(f"no name server on {NAME_SERVER}: {error.strerror}") from error
        silent.settimeout(TIMEOUT)
        with tempfile.TemporaryDirectory() as directory:
            check(programs, silent, Path(directory))


def check(programs, silent, directory):
    configuration, secret = directory / "resolv.conf", directory / "secret"
    configuration.write_text(CONFIGURATION)
    secret.write_bytes(os.urandom(32).hex().encode())
    mount = f'mount --bind {configuration} /etc/resolv.conf && exec "$@"'
    command = [*namespace("--mount"), "sh", "-c", mount, "sh"]
    arguments = ["--redis", "redis://redis.example:6379", "--limit-secret", str(secret)]
    with Service(programs, "portal", *arguments, command=command) as service:
        query = silent.recv(512)
        assert b"\x05redis\x07example" in query, query
        works(service, requests=3)
        health = service.get().body
        assert b"degraded" in health and b"shared-limits" in health, health
        code, seconds = service.terminate()
        assert code == 0 and seconds < 10, (code, seconds)
