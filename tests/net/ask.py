# SPDX-License-Identifier: Apache-2.0
# ask.py [OPTION...] NAME...   a client that takes whatever comes from whoever sends it, and connects to
# the address that its name says (HOW.A-B-C-D.REST) and not to what an answer says. Exit status 0: all
# of it went well; what did not is said on stderr.
import argparse
import os
import socket
import struct
import sys

import message

parser = argparse.ArgumentParser()
parser.add_argument("--server", help="default: the resolver of /etc/resolv.conf")
parser.add_argument("--port", type=int, default=53)
parser.add_argument("--tcp", action="store_true")
parser.add_argument("--type", type=int, default=message.A)
parser.add_argument("--answers", type=int, default=1, help="so many datagrams are waited for")
parser.add_argument("--connect", action="store_true")
parser.add_argument("--also", help="the same socket sends to port 80 of this address, too (UDP)")
parser.add_argument("names", nargs="+")
options = parser.parse_args()
if not options.server:
    options.server = open("/etc/resolv.conf").read().split("nameserver ")[1].split()[0]


def ask_tcp(query):
    with socket.create_connection((options.server, options.port), timeout=5) as connection:
        connection.sendall(struct.pack("!H", len(query)) + query)
        stream = connection.makefile("rb")
        (size,) = struct.unpack("!H", stream.read(2))
        return stream.read(size)


def ask_udp(query):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.settimeout(20)
        datagrams.sendto(query, (options.server, options.port))
        for _ in range(options.answers):
            datagrams.recvfrom(65535)
        if options.also:
            datagrams.sendto(b"x", (options.also, 80))


for name in options.names:
    query = message.question(int.from_bytes(os.urandom(2)), name, options.type)
    try:
        (ask_tcp if options.tcp else ask_udp)(query)
        if options.connect:
            address = name.split(".")[1].replace("-", ".")
            socket.create_connection((address, 80), timeout=20).close()
    except OSError as error:
        sys.exit(f"{name}: {error}")
