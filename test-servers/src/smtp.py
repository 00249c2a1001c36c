"""An SMTP server with STARTTLS and authentication, which writes each mail into a file."""

import asyncio
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

port, directory, name, password = int(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4]


class Handler:
    mails = 0

    async def handle_DATA(self, server, session, envelope):
        Handler.mails += 1
        path = directory / f"{Handler.mails}.eml"
        written = path.with_suffix(".new")
        written.write_bytes(("\n".join(envelope.rcpt_tos) + "\n\n").encode() + envelope.content)
        written.rename(path)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    is_valid = (data.login, data.password) == (name.encode(), password.encode())
    return AuthResult(success=is_valid)


async def serve():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(directory / "certificate.pem", directory / "key.pem")

    def connection():
        return SMTP(
            Handler(),
            require_starttls=True,
            tls_context=context,
            auth_required=True,
            authenticator=authenticate,
        )

    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(connection, "127.0.0.1", port)
    # The standard input ends with the process that has started this one.
    loop.add_reader(sys.stdin, ended.set)
    await ended.wait()
    server.close()


asyncio.run(serve())
