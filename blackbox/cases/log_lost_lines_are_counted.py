"""The log can be written again after lines were lost.

Kind: lines disappear without a trace.
Right: the log says how many lines were lost.
"""

import fcntl
import os
import threading

from harness import Service, wait_for


def run(programs):
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    with Service(programs, "kliento-axum", stderr=writer, env={"RUST_LOG": "trace"}) as service:
        os.close(writer)
        # More lines than the program keeps.
        long = "/public?" + "x" * 8000
        with service.connect() as stream:
            request = f"GET {long} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
            stream.sendall(request)
            threading.Thread(target=drain, args=(stream,), daemon=True).start()
            for _ in range(6000):
                stream.sendall(request)
            log = bytearray()
            os.set_blocking(reader, False)

            def is_counted():
                try:
                    while read := os.read(reader, 65536):
                        log.extend(read)
                except BlockingIOError:
                    pass
                # Lines follow only with requests.
                service.get("/public")
                return b"log lines lost" in log

            wait_for("the number of lost lines", is_counted, timeout=120)
    os.close(reader)


def drain(stream):
    try:
        while stream.recv(65536):
            pass
    except OSError:
        pass
