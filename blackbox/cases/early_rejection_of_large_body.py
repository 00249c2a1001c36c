"""A body that is far too large is rejected before it was sent.

Kind: closing a socket with unread data resets the connection, and the client never sees the 400, 413 or 401.
Right: the client that sends everything before it reads gets the response.
"""

from harness import Service


def run(programs):
    for name, path, expected in [
        ("kliento", "/?audience=a", 413),
        ("kliento-axum", "/whoami", 401),
        ("kliento-hyper", "/whoami", 401),
        ("portal", "/api/auth/login", 400),
        ("portal", "/api/session/1/register-agent", 401),
    ]:
        with Service(programs, name) as service:
            for _ in range(5):
                length = 32 * 1024 * 1024
                head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                head += f"Content-Length: {length}\r\n\r\n"
                response = service.exchange(head.encode() + bytes(length))
                assert response.status in [expected, 405], (name, path, response.status)
