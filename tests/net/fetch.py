# SPDX-License-Identifier: Apache-2.0
# fetch.py http|asyncio HOST...   gets https://HOST/ with the library of that name; a line for each.
import asyncio
import http.client
import ssl
import sys

context = ssl.create_default_context(cafile="/srv/ca.pem")


def by_http(host):
    connection = http.client.HTTPSConnection(host, context=context, timeout=40)
    connection.request("GET", "/")
    return connection.getresponse().read().decode()


async def by_asyncio(host):
    reader, writer = await asyncio.open_connection(host, 443, ssl=context)
    writer.write(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
    return (await reader.read()).decode().rpartition("\r\n")[2]


for host in sys.argv[2:]:
    try:
        text = by_http(host) if sys.argv[1] == "http" else asyncio.run(by_asyncio(host))
        print(host, "ok" if text == f"hello {host}\n" else f"odd {text!r}", flush=True)
    except OSError as error:
        print(host, "no", error, flush=True)
