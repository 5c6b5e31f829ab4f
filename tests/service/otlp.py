# SPDX-License-Identifier: Apache-2.0
"""otlp.py FILE   an OTLP receiver for logs over HTTP, on 127.0.0.1:4318: takes what is JSON as the protocol
has it (opentelemetry-proto: ExportLogsServiceRequest, and the JSON mapping of OTLP: names in
lowerCamelCase, 64 bit numbers as text, enums as numbers), answers 400 to anything else, and writes
what it took to FILE, a record a line."""
import http.server
import json
import re
import sys

VALUES = {"stringValue": str, "boolValue": bool, "intValue": str, "doubleValue": (int, float),
          "arrayValue": dict, "kvlistValue": dict, "bytesValue": str}
RECORD = {"timeUnixNano", "observedTimeUnixNano", "severityNumber", "severityText", "body", "attributes",
          "droppedAttributesCount", "flags", "traceId", "spanId", "eventName"}


def need(holds, what):
    if not holds:
        raise ValueError(what)


def value(any_value):
    need(isinstance(any_value, dict) and len(any_value) == 1, "a value has one kind")
    (kind, content), = any_value.items()
    need(isinstance(content, VALUES[kind]), kind)
    if kind == "intValue":
        need(re.fullmatch(r"-?\d+", content) and -2**63 <= int(content) < 2**63, "intValue")
    if kind == "arrayValue":
        return [value(item) for item in content.get("values", [])]
    if kind == "kvlistValue":
        return attributes(content.get("values", []))
    return content


def attributes(pairs):
    taken = {pair["key"]: value(pair["value"]) for pair in pairs if set(pair) == {"key", "value"}}
    need(len(taken) == len(pairs), "attributes have a key and a value, and keys are unique")
    return taken


def records(request):
    for resource in request["resourceLogs"]:
        about = attributes(resource.get("resource", {}).get("attributes", []))
        need(about.get("service.name") == "ambit", "service.name")
        for scope in resource["scopeLogs"]:
            for record in scope["logRecords"]:
                need(set(record) <= RECORD, "keys of a record")
                for key in ("timeUnixNano", "observedTimeUnixNano"):
                    need(re.fullmatch(r"\d{1,20}", record.get(key, "0")), key)
                need(int(record["timeUnixNano"]) > 0, "timeUnixNano")
                need(record.get("severityNumber", 0) in range(25), "severityNumber")
                yield {"body": value(record["body"]), **attributes(record.get("attributes", []))}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            need(self.path == "/v1/logs", self.path)
            need(self.headers["Content-Type"] == "application/json", "Content-Type")
            taken = list(records(json.loads(body)))
            status, answer = 200, b"{}"
        except (KeyError, TypeError, ValueError) as error:
            taken, status, answer = [], 400, json.dumps({"message": str(error)}).encode()
            print("refused:", repr(error), body[:500], file=sys.stderr)
        for record in taken:
            out.write(json.dumps(record) + "\n")
        out.flush()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


out = open(sys.argv[1], "w")
server = http.server.HTTPServer(("127.0.0.1", 4318), Handler)
print("listening", flush=True)
server.serve_forever()
