# SPDX-License-Identifier: Apache-2.0
# capture.py LABEL COMMAND...   runs a command and writes what it and its resolvers said, a line each, as
# tests/net/captured has them:
#
#   dns LABEL NAME TYPE ADDRESS,... HEX   an answer, as it came
#   hello LABEL NAME HEX                  what was said first to port 443; NAME is in its server_name
#   request LABEL NAME HEX                likewise to port 80, and the name of its Host
#
# What the bytes say is read here in another way than by ambit: with all of them in memory. Of equal kinds the
# first is kept. "-" stands for no address.
import ipaddress
import select
import socket
import struct
import subprocess
import sys

label, command = sys.argv[1], sys.argv[2:]
sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))  # ETH_P_ALL
sniffer.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
sniffer.setblocking(False)
streams, lines = {}, {}


def name_at(data, at):
    labels, after = [], None
    while data[at]:
        if data[at] >= 0xC0:
            after = after or at + 2
            at = struct.unpack_from("!H", data, at)[0] & 0x3FFF
            continue
        labels.append(data[at + 1 : at + 1 + data[at]].decode("latin1").lower())
        at += 1 + data[at]
    return ".".join(labels), after or at + 1


def answer(data):
    _, flags, questions, answers = struct.unpack_from("!4H", data)
    if not flags & 0x8000 or questions != 1:
        return
    asked, at = name_at(data, 12)
    (kind,) = struct.unpack_from("!H", data, at)
    at, names, addresses = at + 4, {asked}, []
    for _ in range(answers):
        owner, at = name_at(data, at)
        record, _, _, size = struct.unpack_from("!HHIH", data, at)
        at += 10
        if record == 5 and owner in names:
            names.add(name_at(data, at)[0])
        elif record == kind and owner in names and kind in (1, 28):
            addresses.append(str(ipaddress.ip_address(data[at : at + size])))
        at += size
    lines.setdefault(("dns", asked, kind, len(data)), f"dns {label} {asked} {kind} {','.join(addresses) or '-'} {data.hex()}")


def hello(data):
    end = 5 + struct.unpack_from("!H", data, 3)[0] if len(data) > 4 else 5
    if len(data) < end:
        return
    data, at = data[:end], 5 + 4 + 2 + 32
    at += 1 + data[at]
    at += 2 + struct.unpack_from("!H", data, at)[0]
    at += 1 + data[at] + 2
    while at < len(data):
        kind, size = struct.unpack_from("!2H", data, at)
        if kind == 0:
            name = data[at + 9 : at + 4 + size].decode()
            lines.setdefault(("hello", name), f"hello {label} {name} {data.hex()}")
        at += 4 + size


def request(data):
    if b"\r\n\r\n" not in data:
        return
    for line in data.split(b"\r\n"):
        if line.lower().startswith(b"host:"):
            name = line[5:].strip().decode()
            lines.setdefault(("request", name), f"request {label} {name} {data.hex()}")


def packet(data):
    if data[0] >> 4 == 4:
        at, proto, peer = (data[0] & 15) * 4, data[9], data[12:20]
    elif data[0] >> 4 == 6:
        at, proto, peer = 40, data[6], data[8:40]
    else:
        return
    source, target = struct.unpack_from("!2H", data, at)
    if proto == 17 and source == 53:
        answer(data[at + 8 :])
    if proto != 6:
        return
    body = data[at + (data[at + 12] >> 4) * 4 :]
    if source == 53 and len(body) > 2:
        answer(body[2:] if struct.unpack_from("!H", body)[0] == len(body) - 2 else body)
    if target not in (80, 443) or not body:
        return
    (number,) = struct.unpack_from("!I", data, at + 4)
    stream = streams.setdefault((peer, source), {"first": number, "said": b""})
    # What is sent again is known.
    if (number - stream["first"]) & 0xFFFFFFFF == len(stream["said"]):
        stream["said"] += body
        (hello if target == 443 else request)(stream["said"])


running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
while True:
    over = running.poll() is not None
    while select.select([sniffer], [], [], 0.05)[0]:
        data, place = sniffer.recvfrom(65600)
        # What goes over loopback comes as well.
        if place[0] != "lo" or place[2] != socket.PACKET_OUTGOING:
            packet(data)
    if over:
        break
for text in lines.values():
    print(text)
sys.exit(running.returncode)
