"""Starts the built programs, and talks to them over sockets."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ADMIN = "root"
PASSWORD = "correct horse battery staple"
# Far longer than any step takes, also on a busy machine.
TIMEOUT = 30


class Skip(Exception):
    """The machine does not allow the case."""


def wait_for(what, poll, timeout=TIMEOUT):
    """Repeats `poll` until it returns something."""
    deadline = time.monotonic() + timeout
    while True:
        if found := poll():
            return found
        assert time.monotonic() < deadline, f"timed out: {what}"
        time.sleep(0.02)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Response:
    def __init__(self, octets):
        assert octets, "no response"
        head, _, self.body = octets.partition(b"\r\n\r\n")
        self.status = int(head.split(b" ", 2)[1])

    def json(self):
        return json.loads(self.body)


class Service:
    """A running program, which ends when the `with` block does."""

    def __init__(self, programs, name, *arguments, command=(), **options):
        self.directory = Path(tempfile.mkdtemp(prefix="blackbox-"))
        self.port = free_port()
        self.name = name
        prepare = getattr(self, f"_prepare_{name.replace('-', '_')}")
        executable, given, self.path = prepare(programs)
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", (self.directory / "log").open("wb"))
        environment = {**os.environ, "NO_COLOR": "1", **options.pop("env", {})}
        self.arguments = [*command, str(programs / executable), *given, *arguments]
        self.process = subprocess.Popen(
            self.arguments, stdin=subprocess.DEVNULL, env=environment, **options
        )
        wait_for(f"{name} listens", self.is_listening)

    def _prepare_kliento(self, _):
        return "kliento", ["serve", "--listen", f"127.0.0.1:{self.port}"], "/health"

    def _prepare_kliento_axum(self, _):
        given = ["--audience", "https://a.example", "--listen", f"127.0.0.1:{self.port}"]
        return "kliento-axum", given, "/public"

    def _prepare_kliento_hyper(self, _):
        _, given, path = self._prepare_kliento_axum(None)
        return "kliento-hyper", given, path

    def _prepare_kliento_tonic(self, _):
        _, given, path = self._prepare_kliento_axum(None)
        return "server", given, path

    def _prepare_portal(self, programs):
        database = self.directory / "portal.db"
        create = [str(programs / "portal"), "create-admin", ADMIN, "--password-stdin"]
        subprocess.run(
            [*create, "--database", str(database)],
            input=f"{PASSWORD}\n".encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=True,
        )
        given = ["--listen", f"127.0.0.1:{self.port}", "--database", str(database)]
        return "portal", given, "/api/health"

    def is_listening(self):
        assert self.process.poll() is None, f"{self.name} exited: {self.log()}"
        try:
            self.connect().close()
            return True
        except ConnectionRefusedError:
            return False

    def connect(self):
        stream = socket.create_connection(("127.0.0.1", self.port), TIMEOUT)
        stream.settimeout(TIMEOUT)
        return stream

    def exchange(self, octets):
        """Sends octets, and returns the response."""
        with self.connect() as stream:
            stream.sendall(octets)
            return Response(read_to_end(stream))

    def request(self, method, path, body=None, headers=()):
        lines = [f"{method} {path} HTTP/1.1", "Host: a", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers]
        octets = b"" if body is None else json.dumps(body).encode()
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(octets)}"]
        return self.exchange("\r\n".join(lines).encode() + b"\r\n\r\n" + octets)

    def get(self, path=None, **options):
        return self.request("GET", path or self.path, **options)

    def log_in(self, name=ADMIN, password=PASSWORD, **options):
        body = {"username": name, "password": password}
        return self.request("POST", "/api/auth/login", body, **options)

    def bearer(self, **options):
        response = self.log_in(**options)
        assert response.status == 200, response.body
        return [("Authorization", f"Bearer {response.json()['access_token']}")]

    def log(self):
        log = self.directory / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def terminate(self):
        """Sends SIGTERM, and returns the exit code and the time that it took."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(TIMEOUT), time.monotonic() - start

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory)


def read_to_end(stream):
    octets = b""
    while read := stream.recv(65536):
        octets += read
    return octets


SERVERS = ["kliento", "kliento-axum", "kliento-hyper", "kliento-tonic", "portal"]


def works(service, requests=20):
    """Asserts that a program answers, and that a request that it logs is answered too."""
    for _ in range(requests):
        response = service.get()
        # The gRPC server has no such path, but answers.
        expected = [200] if service.name != "kliento-tonic" else [200, 400, 404, 415]
        assert response.status in expected, (service.name, response.status)
    if service.name.startswith("kliento-"):
        headers = [("Authorization", "Kliento AAAA")]
        path = "/" if service.name == "kliento-tonic" else "/whoami"
        assert service.get(path, headers=headers).status in [200, 400, 401, 404, 415]
    if service.name == "kliento":
        response = service.request("POST", "/?audience=a", headers=[("Content-Length", "0")])
        assert response.status == 200, response.body
    if service.name == "portal":
        assert service.log_in().status == 200


def namespace(*flags):
    """Returns the command that runs a program in new namespaces."""
    unshare = shutil.which("unshare")
    probe = [unshare, *flags, "true"]
    if not unshare or subprocess.run(probe, stderr=subprocess.DEVNULL).returncode != 0:
        raise Skip(f"no namespaces ({' '.join(flags)})")
    return [unshare, *flags]


def device(path):
    """Opens a device for writing."""
    try:
        return open(path, "wb", buffering=0)
    except OSError as error:
        raise Skip(f"no {path}: {error.strerror}") from error


def count(pattern, text):
    return len(re.findall(pattern, text))
