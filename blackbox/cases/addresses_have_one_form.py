"""Proxies and clients are written in the forms of IPv4-mapped, translated and NAT64 addresses.

Kind: `::ffff:10.0.0.1` is not in `10.0.0.0/8`; one NAT64 gateway is one client; a bare address is rejected.
Right: an address has one form, in networks too.
"""

from harness import Service


def run(programs):
    for network in ["127.0.0.1", "127.0.0.0/8", "::ffff:127.0.0.0/104", "64:ff9b::127.0.0.1"]:
        arguments = ["--trusted-proxy", network, "--nat64-prefix", "2001:db8:64::/96"]
        with Service(programs, "portal", *arguments) as service:
            for reported in [
                "192.0.2.1",
                "::ffff:192.0.2.1",
                "[::ffff:192.0.2.1]:4711",
                "::ffff:0:192.0.2.1",
                "64:ff9b::192.0.2.1",
                "64:ff9b:1::192.0.2.1",
                "64:ff9b:1:c000:2:100::",
                "2001:db8:64::192.0.2.1",
                "203.0.113.9, 192.0.2.1, ::ffff:127.0.0.2" if "/" in network else "192.0.2.1",
            ]:
                forwarded = [("X-Forwarded-For", reported)]
                bearer = service.bearer(headers=forwarded)
                sessions = service.get("/api/session", headers=bearer).json()
                addresses = {session["ip"] for session in sessions}
                assert addresses == {"192.0.2.1"}, (network, reported, addresses)

