"""Clients send very long and unprintable text wherever a request has text.

Kind: a name of 7,000 unprintable characters becomes a field of 63 KB, and forges lines.
Right: no line of the log is longer than about a thousand characters, and none begins with their text.
"""

from harness import Service, for_each, wait_for

LONG = "\u202e%0a" + "\u2028" * 2000


def run(programs):
    for_each(lambda name: check(programs, name))


def check(programs, name):
    with Service(programs, name, env={"RUST_LOG": "debug,h2=info,hyper=info"}) as service:
        hostile = "x" * 7000
        service.get(f"/{hostile}?{hostile}")
        service.request("M" * 2000, service.path)
        headers = [
            ("User-Agent", LONG),
            ("Authorization", f"Kliento {hostile}"),
            ("X-Forwarded-For", hostile),
        ]
        service.get("/whoami", headers=headers)
        headers[1] = ("Authorization", f"Bearer {hostile}")
        service.get("/api/whoami", headers=headers)
        service.request("POST", f"/?audience={hostile}", {"username": LONG}, headers=headers)
        if name == "portal":
            service.log_in(LONG, hostile, headers=[("User-Agent", LONG)])
            service.log_in(headers=[("User-Agent", LONG)])
            for body in [{hostile: 1}, {"username": hostile * 2, "password": ""}]:
                service.request("POST", "/api/auth/login", body)
        service.terminate()
        log = service.log()
        assert log, name
        for line in log.splitlines():
            assert len(line) < 1000, (name, len(line), line[:300])
            assert line[:1].isdigit(), (name, line[:300])
        assert "\u2028" not in log and "\u202e" not in log, name
