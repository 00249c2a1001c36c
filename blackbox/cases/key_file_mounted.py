"""The key file is mounted alone, as a container's secret.

Kind: a mounted file cannot be replaced by renaming, and its directory may be read-only.
Right: the portal starts with it, and follows a change that is made in place.
"""

import base64
import os
import tempfile
from pathlib import Path

from harness import Service, namespace, wait_for


def run(programs):
    with tempfile.TemporaryDirectory() as directory:
        secret = Path(directory) / "secret"
        secret.write_text(key("one"))
        secret.chmod(0o600)
        mount = 'for word; do last=$word; done; touch "$last.keys"; '
        mount += f'mount --bind {secret} "$last.keys" && exec "$@"'
        command = [*namespace("--mount"), "sh", "-c", mount, "sh"]
        with Service(programs, "portal", command=command) as service:
            bearer = service.bearer()
            assert service.get("/api/whoami", headers=bearer).status == 200
            secret.write_text(key("two"))
            wait_for("rejected", lambda: service.get("/api/whoami", headers=bearer).status == 401)
            assert service.get("/api/health").body == b"ok\n"


def key(name):
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"
