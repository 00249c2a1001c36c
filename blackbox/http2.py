"""The little of HTTP/2 (RFC 9113) that the cases need: frames, pings and heads without compression."""

import struct

DATA, HEADERS, RST_STREAM, SETTINGS, PING = 0, 1, 3, 4, 6
ACK, END_HEADERS = 1, 4


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


START = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS)


def frames(octets):
    """Removes the complete frames from a bytearray, and returns them: kind, flags, stream, payload."""
    found = []
    while len(octets) >= 9:
        length = int.from_bytes(octets[:3], "big")
        if len(octets) < 9 + length:
            break
        kind, flags, stream = struct.unpack(">BBI", octets[3:9])
        found.append((kind, flags, stream, bytes(octets[9 : 9 + length])))
        del octets[: 9 + length]
    return found


def responses(received):
    """Returns the acknowledgements that frames ask for."""
    acknowledged = b""
    for kind, flags, _, payload in received:
        if kind in [SETTINGS, PING] and not flags & ACK:
            acknowledged += frame(kind, ACK, payload=payload if kind == PING else b"")
    return acknowledged


def post(stream, path, headers):
    """Returns the head of a request with a body (RFC 7541: literals without indexing)."""

    def text(value):
        value = value.encode()
        assert len(value) < 127
        return bytes([len(value)]) + value

    # The static table has `:method: POST`, `:scheme: http`, `:path` and `:authority`.
    block = b"\x83\x86\x04" + text(path) + b"\x01" + text("a")
    for name, value in headers:
        block += b"\x00" + text(name) + text(value)
    return frame(HEADERS, END_HEADERS, stream, block)
