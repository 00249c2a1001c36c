"""Thousands of HTTP/2 connections answer pings and ask nothing.

Kind: pings are activity, so the connections are never closed, and no other client can connect.
Right: the server, and each address, closes those that have waited longest when others connect.
"""

import resource
import selectors
import threading
import time

import http2
from harness import Service, Skip, for_each

PER_ADDRESS, TOTAL = 1024, 4096


def run(programs):
    descriptors = 3 * TOTAL
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < descriptors:
        raise Skip(f"at most {hard} file descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(descriptors, hard), hard))
    one, others = ["127.0.0.1"], [f"127.0.0.{number}" for number in range(2, 6)]
    for_each(lambda case: check(programs, *case), [("people-hyper", one), ("kliento-tonic", others)])


def check(programs, name, addresses):
    with Service(programs, name) as service:
        idle = []
        try:
            for address in addresses:
                idle += [service.connect_tcp(address) for _ in range(PER_ADDRESS)]
        except OSError as error:
            raise Skip(f"no further loopback addresses: {error}") from error
        for stream in idle:
            stream.sendall(http2.START)
        answering = threading.Thread(target=answer, args=(idle,), daemon=True)
        answering.start()
        # Longer than the second for which connections between two requests are protected.
        time.sleep(2)
        for _ in range(5):
            service.get()
        for stream in idle:
            stream.close()


def answer(streams):
    """Answers pings and settings until the streams are closed."""
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            stream.setblocking(False)
            selector.register(stream, selectors.EVENT_READ, bytearray())
        while selector.get_map():
            for key, _ in selector.select():
                try:
                    read = key.fileobj.recv(65536)
                    key.data.extend(read)
                    key.fileobj.sendall(http2.responses(http2.frames(key.data)))
                except OSError:
                    read = b""
                if not read:
                    selector.unregister(key.fileobj)
