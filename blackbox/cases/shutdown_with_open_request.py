"""The program is stopped while a client holds a request open.

Kind: the drain takes longer than the 10 seconds of `docker stop`, so the program is killed.
Right: it exits by itself within that time, with exit code 0.
"""

from harness import Service, for_each


def run(programs):
    for_each(lambda name: check(programs, name))


def check(programs, name):
    with Service(programs, name) as service, service.connect() as stream:
        path = "/api/auth/login" if name == "portal" else "/?audience=a"
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        stream.sendall(f"{head}Content-Length: 9\r\n\r\n".encode())
        service.get()
        code, seconds = service.terminate()
        assert code == 0 and seconds < 10, (name, code, seconds)
