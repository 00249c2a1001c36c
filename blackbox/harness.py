"""Starts the built programs, and talks to them over sockets."""

import itertools
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
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


# They are below the ephemeral ports, so a client's own port cannot be one of them.
_ports = itertools.count(random.randrange(10_000, 25_000))


def free_port():
    """Returns a port that no other service of this run gets."""
    for port in _ports:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Response:
    def __init__(self, octets):
        assert octets, "no response"
        head, _, self.body = octets.partition(b"\r\n\r\n")
        self.status = int(head.split(b" ", 2)[1])

    def json(self):
        return json.loads(self.body)


class Service:
    """A running program, which ends when the `with` block does."""

    def __init__(self, programs, name, *arguments, host="127.0.0.1", command=(), **options):
        self.directory = Path(tempfile.mkdtemp(prefix="blackbox-"))
        self.host = host
        self.port = free_port()
        self.listen = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.name = name
        self.tls = None
        self.environment = {}
        prepare = getattr(self, f"_prepare_{name.replace('-', '_')}")
        executable, given, self.path = prepare(programs)
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", (self.directory / "log").open("wb"))
        given_environment = {"NO_COLOR": "1", **self.environment, **options.pop("env", {})}
        environment = {**os.environ, **given_environment}
        self.arguments = [*command, str(programs / executable), *given, *arguments]
        self.process = subprocess.Popen(
            self.arguments, stdin=subprocess.DEVNULL, env=environment, **options
        )
        wait_for(f"{name} listens", self.is_listening)

    def _prepare_kliento(self, _):
        return "kliento", ["serve", "--listen", self.listen], "/health"

    def _prepare_kliento_axum(self, _):
        given = ["--audience", "https://a.example", "--listen", self.listen]
        return "kliento-axum", given, "/public"

    def _prepare_kliento_hyper(self, _):
        _, given, path = self._prepare_kliento_axum(None)
        return "kliento-hyper", given, path

    def _prepare_kliento_tonic(self, _):
        _, given, path = self._prepare_kliento_axum(None)
        return "server", given, path

    def _prepare_people_hyper(self, _):
        self.environment = {"LISTEN": self.listen, "ADMIN_PASSWORD": PASSWORD}
        return "people-hyper", [], "/me"

    def _prepare_people_tonic(self, _):
        self._prepare_people_hyper(None)
        self.environment |= {"AUDIENCE": "https://a.example", "ORGANISATION": "example.com"}
        return "people-tonic", [], "/people.example.v1.Reports/List"

    def _prepare_tls_hyper(self, _):
        certificate, key = self.directory / "chain.pem", self.directory / "key.pem"
        openssl = shutil.which("openssl")
        if not openssl:
            raise Skip("no openssl, which makes certificates")
        command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        command += ["-nodes", "-subj", "/CN=a", "-addext", "subjectAltName=DNS:a"]
        command += ["-keyout", str(key), "-out", str(certificate)]
        subprocess.run(command, stderr=subprocess.PIPE, check=True)
        self.tls = ssl.create_default_context(cafile=certificate)
        given = ["--listen", self.listen]
        given += ["--certificate", str(certificate), "--key", str(key)]
        return "tls-hyper", given, "/health"

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
        given = ["--listen", self.listen, "--database", str(database)]
        return "portal", given, "/api/health"

    def is_listening(self):
        assert self.process.poll() is None, f"{self.name} exited: {self.log()}"
        try:
            self.connect_tcp().close()
            return True
        except ConnectionRefusedError:
            return False

    def connect_tcp(self, source=None):
        source = source and (source, 0)
        stream = socket.create_connection((self.host, self.port), TIMEOUT, source)
        stream.settimeout(TIMEOUT)
        return stream

    def connect(self):
        stream = self.connect_tcp()
        return self.tls.wrap_socket(stream, server_hostname="a") if self.tls else stream

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


SERVERS = [
    "kliento",
    "kliento-axum",
    "kliento-hyper",
    "kliento-tonic",
    "people-hyper",
    "people-tonic",
    "portal",
    "tls-hyper",
]
# The gRPC servers have no such path, but answer.
GRPC = [200, 400, 401, 404, 415]
# What is not 200: people-hyper has a limit of requests.
EXPECTED = {"kliento-tonic": GRPC, "people-tonic": GRPC, "people-hyper": [401, 429]}


def for_each(check, items=SERVERS):
    """Runs a check for each item, at the same time: most of them wait."""

    def outcome(item):
        try:
            check(item)
        except Skip as reason:
            print(f"{item}: skipped: {reason}", flush=True)
            return reason

    with ThreadPoolExecutor(len(items)) as pool:
        reasons = list(pool.map(outcome, items))
    if all(reasons):
        raise reasons[0]


def works(service, requests=20):
    """Asserts that a program answers, and that a request that it logs is answered too."""
    for _ in range(requests):
        response = service.get()
        expected = EXPECTED.get(service.name, [200])
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
