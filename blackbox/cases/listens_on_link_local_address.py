"""The program listens on the link-local address of an interface.

Kind: `fe80::1%eth0` is rejected, since most readers of addresses know no zones.
Right: an address with the name of its interface is one to listen on.
"""

import ipaddress
from pathlib import Path

from harness import Service, Skip, for_each, works

LINK = "20"
TENTATIVE = 0x40


def run(programs):
    host = link_local_address()
    for_each(lambda name: check(programs, name, host))


def check(programs, name, host):
    with Service(programs, name, host=host) as service:
        works(service, requests=3)


def link_local_address():
    for line in Path("/proc/net/if_inet6").read_text().splitlines():
        address, _, _, scope, flags, interface = line.split()
        if scope == LINK and not int(flags, 16) & TENTATIVE:
            return f"{ipaddress.ip_address(int(address, 16))}%{interface}"
    raise Skip("no interface has a link-local address")
