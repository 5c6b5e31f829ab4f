# SPDX-License-Identifier: Apache-2.0
# knock.py HOW HOST [PORT]   reaches for a host in ways that curl does not have; exit status 1 if that is
# denied, 2 if it is something else that does not work.
import json
import socket
import sys
import time

how, host = sys.argv[1:3]
port = int(sys.argv[3]) if len(sys.argv) > 3 else 0


def fast():
    """Data in the first segment, without connect(2)."""
    stream = socket.socket()
    stream.sendto(b"GET / HTTP/1.0\r\nHost: four.ok.test\r\n\r\n", socket.MSG_FASTOPEN, (host, port))
    assert b"hello" in stream.makefile("rb").read()


def datagram():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (host, port))


def resolved():
    """systemd-resolved by its socket: it asks for whoever can connect to it."""
    stream = socket.socket(socket.AF_UNIX)
    stream.connect("/run/systemd/resolve/io.systemd.Resolve")
    call = {"method": "io.systemd.Resolve.ResolveHostname", "parameters": {"name": host, "family": 2, "flags": 0}}
    stream.sendall(json.dumps(call).encode() + b"\0")
    assert b'"addresses"' in stream.recv(65536)


def late():
    """Connects over and over, until that is denied or longer than any lease of a second. What was
    connected before is then still there, and the name can be looked up again."""
    (*_, place), *_ = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)
    first = socket.create_connection(place)
    try:
        for _ in range(60):
            socket.create_connection(place).close()
            time.sleep(0.1)
    finally:
        first.sendall(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        assert b"hello" in first.makefile("rb").read()
        socket.create_connection((host, port)).close()


try:
    globals()[how]()
except PermissionError as error:
    sys.exit(f"{host}: {error}")
except (OSError, AssertionError) as error:
    print(host, repr(error), file=sys.stderr)
    sys.exit(2)
