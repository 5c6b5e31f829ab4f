# SPDX-License-Identifier: Apache-2.0
# bytes.py openssl|gnutls ADDRESS NAME   gets https://NAME/ from an address with that library, whose every
# byte goes out in a segment of its own: the next one is sent when the peer has the one before.
import array
import ctypes
import fcntl
import socket
import ssl
import sys
import termios
import time

library, address, name = sys.argv[1:4]
patience = time.monotonic() + 60
request = f"GET / HTTP/1.0\r\nHost: {name}\r\n\r\n".encode()


def one_by_one(stream, data):
    unsent = array.array("i", [0])
    for i in range(len(data)):
        stream.sendall(data[i : i + 1])
        while fcntl.ioctl(stream, termios.TIOCOUTQ, unsent) or unsent[0]:
            if stream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or time.monotonic() > patience:
                raise TimeoutError


def by_openssl(stream):
    comes, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context(cafile="/srv/ca.pem").wrap_bio(comes, goes, server_hostname=name)

    def until_done(act):
        while True:
            try:
                return act()
            except ssl.SSLWantReadError:
                one_by_one(stream, goes.read())
                data = stream.recv(65536)
                if not data:
                    raise ConnectionResetError
                comes.write(data)
            finally:
                one_by_one(stream, goes.read())

    until_done(tls.do_handshake)
    until_done(lambda: tls.write(request))
    return until_done(lambda: tls.read(65536))


def by_gnutls(stream):
    """Without a look at the certificate."""
    tls = ctypes.CDLL("libgnutls.so.30")
    transport = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)

    def push(_, data, size):
        try:
            one_by_one(stream, ctypes.string_at(data, size))
        except OSError:
            return -1
        return size

    def check(result):
        if result < 0:
            raise ConnectionError(result)
        return result

    session, credentials, pushed = ctypes.c_void_p(), ctypes.c_void_p(), transport(push)
    check(tls.gnutls_certificate_allocate_credentials(ctypes.byref(credentials)))
    check(tls.gnutls_init(ctypes.byref(session), 2))  # GNUTLS_CLIENT
    check(tls.gnutls_set_default_priority(session))
    check(tls.gnutls_credentials_set(session, 1, credentials))  # GNUTLS_CRD_CERTIFICATE
    check(tls.gnutls_server_name_set(session, 1, name.encode(), ctypes.c_size_t(len(name))))  # GNUTLS_NAME_DNS
    tls.gnutls_transport_set_int2(session, stream.fileno(), stream.fileno())
    tls.gnutls_transport_set_push_function(session, pushed)
    check(tls.gnutls_handshake(session))
    tls.gnutls_record_send.restype = tls.gnutls_record_recv.restype = ctypes.c_ssize_t
    check(tls.gnutls_record_send(session, request, ctypes.c_size_t(len(request))))
    text, size = ctypes.create_string_buffer(65536), -28
    while size == -28:  # GNUTLS_E_AGAIN: a session ticket came
        size = tls.gnutls_record_recv(session, text, ctypes.c_size_t(len(text)))
    return text.raw[: check(size)]


connection = socket.create_connection((address, 443), timeout=40)
connection.setblocking(True)
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
try:
    said = {"openssl": by_openssl, "gnutls": by_gnutls}[library](connection)
except OSError as error:
    sys.exit(f"{name}: {error!r}")
sys.exit(0 if f"hello {name}".encode() in said else f"{name}: {said!r}")
