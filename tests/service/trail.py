# SPDX-License-Identifier: Apache-2.0
"""trail.py lines|events|sum:KEY FILE KEY=VALUE...

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
    "tid": ["actor.process.tid"],
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


what, file, *words = sys.argv[1:]
if what == "events":
    # What a killed daemon wrote and did not give up stands there twice, with the same time.
    seen = {}
    for line in lines(file, words):
        key = (get(line, "mono_ns"), get(line, "tid"), get(line, "count"))
        seen[key] = get(line, "count") or 1
    print(sum(seen.values()))
elif what.startswith("sum:"):
    print(sum(get(line, what[4:]) or 0 for line in lines(file, words)))
else:
    print(sum(1 for _ in lines(file, words)))
