# SPDX-License-Identifier: Apache-2.0
# retry.py ADDRESS FIRST SECOND   by OpenSSL, to a server that asks for a second ClientHello, since it has no
# use for the key in the first: names FIRST in that, and SECOND in the other. The server says which it took.
import ctypes
import socket
import sys

address, first, second = sys.argv[1], sys.argv[2].encode(), sys.argv[3].encode()
SET_NAME, SET_GROUPS = 55, 92  # SSL_CTRL_SET_TLSEXT_HOSTNAME, SSL_CTRL_SET_GROUPS_LIST of <openssl/ssl.h>
HANDSHAKE, SERVER_HELLO = 22, 2
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")  # RFC 8446 section 4.1.3

tls = ctypes.CDLL("libssl.so.3")
for name in "TLS_client_method", "SSL_CTX_new", "SSL_new":
    getattr(tls, name).restype = ctypes.c_void_p
watcher = ctypes.CFUNCTYPE(
    None, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p
)
retried = []


def control(number, text):
    return tls.SSL_ctrl(session, number, 0, text)


@watcher
def watch(sent, _version, kind, data, size, *_):
    message = ctypes.string_at(data, size)
    if not sent and kind == HANDSHAKE and message[0] == SERVER_HELLO and message[6:38] == RETRY:
        retried.append(control(SET_NAME, second))


connection = socket.create_connection((address, 443), timeout=40)
connection.setblocking(True)
session = ctypes.c_void_p(tls.SSL_new(ctypes.c_void_p(tls.SSL_CTX_new(ctypes.c_void_p(tls.TLS_client_method())))))
assert control(SET_NAME, first) == 1 and control(SET_GROUPS, b"P-256:X25519") == 1
tls.SSL_set_msg_callback(session, watch)
tls.SSL_set_fd(session, connection.fileno())
request = b"GET / HTTP/1.0\r\nHost: x\r\n\r\n"
text = ctypes.create_string_buffer(65536)
if tls.SSL_connect(session) != 1 or tls.SSL_write(session, request, len(request)) != len(request):
    sys.exit(f"no connection, after {len(retried)} second hellos")
size = tls.SSL_read(session, text, len(text))
sys.exit(0 if retried == [1] and b"hello " + second in text.raw[: max(size, 0)] else f"{retried} {text.raw[:max(size, 0)]}")
