"""A leaked key is withdrawn while the log's reader is gone.

Kind: the thread that watches a file ends with its first panic, and no report follows.
Right: the key file is read again, and tokens of the withdrawn key are rejected without a restart.
"""

import base64
import os

from harness import Service, wait_for


def run(programs):
    reader, writer = os.pipe()
    with Service(programs, "portal", stderr=writer) as service:
        os.close(writer)
        os.close(reader)
        bearer = service.bearer()
        assert service.get("/api/whoami", headers=bearer).status == 200
        keys = service.directory / "portal.db.keys"
        # A time of invalid content, which is logged.
        replace(keys, "invalid")
        wait_for("degraded", lambda: b"degraded" in service.get("/api/health").body)
        assert service.get("/api/whoami", headers=bearer).status == 200
        replace(keys, f"new:{base64.b64encode(os.urandom(32)).decode()}")
        wait_for("rejected", lambda: service.get("/api/whoami", headers=bearer).status == 401)
        assert service.get("/api/health").body == b"ok\n"
        assert service.get("/api/whoami", headers=service.bearer()).status == 200


def replace(path, text):
    new = path.with_suffix(".new")
    new.write_text(text)
    new.chmod(0o600)
    new.rename(path)
