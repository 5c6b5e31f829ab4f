# SPDX-License-Identifier: Apache-2.0
# hostile.py CERTIFICATE KEY   a resolver that answers what it likes, by the name that it is asked for,
# HOW.A-B-C-D.REST: HOW is one of `ways`, A.B.C.D the address that it wants to lead to. On 203.0.113.66
# over UDP, TCP, TLS (853) and HTTPS (8443), and on port 5353. Whoever is at the other end of a tunnel says
# "take this" to each question for TXT.
import http.server
import ipaddress
import socket
import ssl
import struct
import sys
import threading

import message

HERE, OTHER = "203.0.113.66", "203.0.113.67"
SELF = b"\xc0\x0c"  # the name of the question


def way_good(number, asked, address):
    return [(message.answer(number, asked, message.record(SELF, message.A, address)), None)]


def way_id(number, asked, address):
    """Every id that there is, as who has to guess it would."""
    good = way_good(number, asked, address)[0][0]
    return [(struct.pack("!H", (number + i) & 0xFFFF) + good[2:], None) for i in range(1, 200)]


def way_foreign(number, asked, address):
    foreign = message.record(message.wire("good.ok.test"), message.A, address)
    return [(message.answer(number, asked, foreign), None)]


def way_beside(number, asked, address):
    """A good answer that leads elsewhere, and the address as what comes along with it."""
    good = message.answer(number, asked, message.record(SELF, message.A, bytes([203, 0, 113, 80])))
    return [(good[:10] + b"\0\1" + good[12:] + message.record(SELF, message.A, address), None)]


def way_loop(number, asked, address):
    at = 12 + len(asked)
    pointer = struct.pack("!H", 0xC000 | at)
    return [(message.answer(number, asked, message.record(pointer, message.A, address)), None)]


def way_pair(number, asked, address):
    """Two names that point at each other, before the address."""
    at = 12 + len(asked)
    owner = struct.pack("!2H", 0xC000 | (at + 2), 0xC000 | at)
    return [(message.answer(number, asked, message.record(owner, message.A, address)), None)]


def way_huge(number, asked, address):
    one = message.record(SELF, message.A, address)
    return [(message.answer(number, asked, *[one] * ((65500 - len(asked) - 12) // len(one))), None)]


def way_twice(number, asked, address):
    """The answer that is waited for, and then one more."""
    public = bytes([203, 0, 113, 80])
    return way_good(number, asked, public) + way_good(number, asked, address)


def way_source(number, asked, address):
    return [(way_good(number, asked, address)[0][0], (OTHER, 53))]


def way_port(number, asked, address):
    return [(way_good(number, asked, address)[0][0], (HERE, 5353))]


def way_text(number, asked, address):
    return [(message.answer(number, asked, message.record(SELF, message.TXT, b"\x09take this")), None)]


ways = {name[4:]: way for name, way in list(globals().items()) if name.startswith("way_")}


def answers(query):
    """What is sent to a question, each with whom it comes from if not from the resolver."""
    labels, asked = message.asked(query)
    number = struct.unpack("!H", query[:2])[0]
    if asked[-3] == message.TXT:
        return way_text(number, asked, b"")
    try:
        address = ipaddress.IPv4Address(labels[1].replace("-", ".")).packed
        return ways[labels[0]](number, asked, address)
    except (ValueError, LookupError):
        return [(message.answer(number, asked, flags=0x8183), None)]


sockets = {place: socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for place in ((HERE, 53), (HERE, 5353), (OTHER, 53))}


def serve_datagrams(place):
    while True:
        query, peer = sockets[place].recvfrom(65535)
        for reply, source in answers(query):
            sockets[source or place].sendto(reply[:60000], peer)


def serve_stream(connection):
    stream = connection.makefile("rwb")
    size = stream.read(2)
    if len(size) == 2:
        for reply, _ in answers(stream.read(struct.unpack("!H", size)[0])):
            stream.write(struct.pack("!H", len(reply)) + reply)
        stream.flush()
    stream.close()
    connection.close()


def serve_streams(listener, wrap):
    while True:
        connection, _ = listener.accept()
        try:
            serve_stream(wrap(connection))
        except OSError:
            connection.close()


class OverHttps(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        reply = answers(self.rfile.read(int(self.headers["Content-Length"])))[0][0]
        self.send_response(200)
        self.send_header("Content-Type", "application/dns-message")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
web = http.server.HTTPServer((HERE, 8443), OverHttps)
web.socket = context.wrap_socket(web.socket, server_side=True)
threading.Thread(target=web.serve_forever).start()
for place, datagrams in sockets.items():
    datagrams.bind(place)
    threading.Thread(target=serve_datagrams, args=(place,)).start()
secure = socket.create_server((HERE, 853))
threading.Thread(target=serve_streams, args=(secure, lambda plain: context.wrap_socket(plain, server_side=True))).start()
other = socket.create_server((HERE, 5353))
threading.Thread(target=serve_streams, args=(other, lambda plain: plain)).start()
# Last: who finds it open finds all of them open.
serve_streams(socket.create_server((HERE, 53)), lambda plain: plain)
