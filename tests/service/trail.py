# SPDX-License-Identifier: Apache-2.0
"""trail.py lines|events|sum:KEY FILE KEY=VALUE...
trail.py journal FILE TRAIL   checks entries of journald (journalctl -o json) against the lines of a trail
trail.py until FILE NUMBER SECONDS   waits until lines were written so long after line NUMBER

What a trail says: how many lines have all of the words,
how many events they stand for, or the sum of a key over them. The one place in these tests that knows
the trail's format. Lines that are not JSON count as none; `ambit verify` is what looks for those."""
import json
import sys


# Where the keys stand that are not in "unmapped".
PLACES = {
    "comm": ["actor.process.name"],
    "count": ["count"],
    "path": ["file.path", "process.file.path", "unmapped.path"],
    "pid": ["actor.process.pid"],
    "tid": ["actor.process.tid"],
    "uid": ["actor.process.user.uid"],
}


def get(line, key):
    for place in PLACES.get(key, ["unmapped." + key]):
        value = line
        for name in place.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None:
            return value
    return None


def lines(file, words):
    wanted = [word.split("=", 1) for word in words]
    for text in open(file, "rb"):
        if any(value.encode() not in text for _, value in wanted):
            continue
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if all(str(get(line, key)) == value for key, value in wanted):
            yield line


def journal_check(file, trail):
    lines = [line.rstrip("\n") for line in open(trail)]
    for entry in map(json.loads, open(file)):
        record = json.loads(entry["AMBIT_RECORD"])
        assert entry["AMBIT_RECORD"] in lines, "the journal has the line as it stands in the trail"
        assert entry["PRIORITY"] == "4" and entry["AMBIT_OP"] == "read", entry
        for field, key in ("AMBIT_PATH", "path"), ("AMBIT_REASON", "reason"), ("AMBIT_PID", "pid"), ("AMBIT_UID", "uid"):
            assert entry[field] == str(get(record, key)), (field, entry)


def follow(file, number, seconds):
    """By the trail's own times: what is before the line is so old then."""
    with open(file, "rb") as trail:
        begin = [json.loads(trail.readline()) for _ in range(number)][-1]
        rest = b""
        while True:
            rest += trail.readline()
            if rest.endswith(b"\n"):
                if get(json.loads(rest), "mono_ns") - get(begin, "mono_ns") > seconds * 1e9:
                    return
                rest = b""


what, file, *words = sys.argv[1:]
if what == "journal":
    journal_check(file, *words)
elif what == "until":
    follow(file, int(words[0]), float(words[1]))
elif what == "events":
    print(sum(get(line, "count") or 1 for line in lines(file, words)))
elif what.startswith("sum:"):
    print(sum(get(line, what[4:]) or 0 for line in lines(file, words)))
else:
    print(sum(1 for _ in lines(file, words)))
