"""A proxy keeps its connections open between requests.

Kind: the server closes them earlier than the proxy does, and requests are lost with a 502.
Right: they are open for longer than the 60 s of common proxies: `IDLE=61` waits for that, and the default of 16 s
finds a server that takes its timeout for heads.
"""

import os
import time

from harness import EXPECTED, Service, for_each

IS_SLOW = True
IDLE = float(os.environ.get("IDLE", "16"))


def run(programs):
    for_each(lambda name: check(programs, name))


def check(programs, name):
    with Service(programs, name) as service, service.connect() as stream:
        get(stream, service)
        time.sleep(IDLE)
        get(stream, service)


def get(stream, service):
    stream.sendall(f"GET {service.path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    octets = b""
    while b"\r\n\r\n" not in octets:
        read = stream.recv(65536)
        assert read, f"{service.name} closed the connection"
        octets += read
    status = int(octets.split(b" ", 2)[1])
    assert status in EXPECTED.get(service.name, [200]), (service.name, status)
