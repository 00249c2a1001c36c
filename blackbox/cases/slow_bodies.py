"""Clients send the body of a request in single octets, or not at all.

Kind: slow bodies (R.U.D.Y.) hold connections and HTTP/2 streams for ever; no request for it needs credentials.
Right: within a minute the server gives up the body, and responds or ends the connection.
"""

import time

import http2
from harness import Service, for_each

IS_SLOW = True
DEADLINE = 60


def run(programs):
    for_each(lambda name: check(programs, name), ["kliento", "kliento-tonic", "people-hyper", "portal"])


def check(programs, name):
    with Service(programs, name) as service:
        if name == "kliento-tonic":
            streams = [call(service), call(service)]
        else:
            streams = [post(service), post(service)]
        # The second client of each server is silent.
        trickling, deadline = streams[0], time.monotonic() + DEADLINE
        pending = set(streams)
        while pending:
            assert time.monotonic() < deadline, f"{name}: {len(pending)} bodies are still read"
            time.sleep(0.5)
            if trickling in pending:
                trickling.send(name)
            pending = {stream for stream in pending if not stream.is_answered()}


class Upload:
    """A request whose body is incomplete."""

    def __init__(self, stream, start):
        self.stream, self.octets = stream, bytearray()
        stream.sendall(start)
        stream.settimeout(0.01)

    def send(self, name):
        octet = b" " if name != "kliento-tonic" else http2.frame(http2.DATA, 0, 1, b"\0")
        try:
            self.stream.sendall(octet)
        except OSError:
            pass

    def is_answered(self):
        try:
            read = self.stream.recv(65536)
        except TimeoutError:
            return False
        except OSError:
            return True
        return not read or self.is_response(read)

    def is_response(self, octets):
        return octets.startswith(b"HTTP/1.1 4")


class Call(Upload):
    def is_response(self, octets):
        self.octets += octets
        received = http2.frames(self.octets)
        self.stream.sendall(http2.responses(received))
        return any(kind in [http2.HEADERS, http2.RST_STREAM] for kind, *_ in received)


def post(service):
    path = {"kliento": "/?audience=a", "people-hyper": "/login"}.get(service.name, "/api/auth/login")
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    return Upload(service.connect(), f"{head}Content-Length: 4000\r\n\r\n".encode())


def call(service):
    headers = [("content-type", "application/grpc"), ("te", "trailers")]
    head = http2.post(1, "/grpc.health.v1.Health/Check", headers)
    # A message of 4,000 octets begins.
    message = http2.frame(http2.DATA, 0, 1, b"\0\0\0\x0f\xa0")
    return Call(service.connect(), http2.START + head + message)
