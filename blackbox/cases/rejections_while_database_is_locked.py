"""Another process holds the write lock of the SQLite database, such as a backup.

Kind: a 403 waits for the record of the denial, so that clients without permissions keep connections open.
Right: denials and rejected refresh tokens are answered at once, and recorded when the lock is free.
"""

import sqlite3
import time

from harness import PASSWORD, Service, wait_for

# Operations wait this long for the lock.
BUSY_TIMEOUT = 10


def run(programs):
    with Service(programs, "portal") as service:
        admin = service.bearer()
        user = {"username": "alice", "password": PASSWORD, "roles": ["user"]}
        created = service.request("POST", "/api/admin/users", user, headers=admin)
        assert created.status == 201, created.body
        alice = service.bearer(name="alice")
        revoked = service.log_in("alice").json()
        session = [("Authorization", f"Bearer {revoked['access_token']}")]
        assert service.request("POST", "/api/auth/logout", headers=session).status == 204

        other = sqlite3.connect(service.directory / "portal.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        start = time.monotonic()
        denied = service.get("/api/admin/users", headers=alice)
        token = {"refresh_token": revoked["refresh_token"]}
        rejected = service.request("POST", "/api/auth/refresh", token)
        seconds = time.monotonic() - start
        assert (denied.status, rejected.status) == (403, 401), (denied.body, rejected.body)
        assert seconds < BUSY_TIMEOUT, seconds
        other.execute("ROLLBACK")
        other.close()

        for event in ["permission.denied", "token.refresh"]:
            path = f"/api/admin/audit?event={event}&outcome=failure"
            wait_for(event, lambda: b'"alice"' in service.get(path, headers=admin).body)
