# SPDX-License-Identifier: Apache-2.0
"""DNS messages, as hostile.py and ask.py write them: only what they need, and no care."""
import struct

A, TXT, AAAA = 1, 16, 28


def wire(name):
    """A name as it is sent; a label in brackets is hexadecimal."""
    labels = [bytes.fromhex(label[1:-1]) if label[:1] == "[" else label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def question(number, name, kind, flags=0x0100):
    return struct.pack("!6H", number, flags, 1, 0, 0, 0) + wire(name) + struct.pack("!2H", kind, 1)


def record(owner, kind, data, ttl=300):
    return owner + struct.pack("!2HIH", kind, 1, ttl, len(data)) + data


def answer(number, asked, *records, flags=0x8180):
    """`asked` is the question as it came: name, type, class."""
    return struct.pack("!6H", number, flags, 1, len(records), 0, 0) + asked + b"".join(records)


def asked(message):
    """The labels of a question's name, and all of the question."""
    at, labels = 12, []
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode("latin1").lower())
        at += 1 + message[at]
    return labels, message[12 : at + 5]
