# SPDX-License-Identifier: Apache-2.0
"""trail.py lines|events|sum:KEY FILE KEY=VALUE...

What a trail says: how many lines have all of the words,
how many events they stand for, or the sum of a key over them. The one place in these tests that knows
the trail's format. Lines that are not JSON count as none; `ambit verify` is what looks for those."""
import json
import sys


def lines(file, words):
    wanted = [word.split("=", 1) for word in words]
    for text in open(file, "rb"):
        if any(value.encode() not in text for _, value in wanted):
            continue
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if all(str(line.get(key)) == value for key, value in wanted):
            yield line


what, file, *words = sys.argv[1:]
if what == "events":
    # What a killed daemon wrote and did not give up stands there twice, with the same time.
    seen = {}
    for line in lines(file, words):
        key = (line.get("mono_ns"), line.get("tid"), line.get("count"))
        seen[key] = line.get("count", 1)
    print(sum(seen.values()))
elif what.startswith("sum:"):
    print(sum(line.get(what[4:], 0) for line in lines(file, words)))
else:
    print(sum(1 for _ in lines(file, words)))
