// SPDX-License-Identifier: Apache-2.0
//
// registry.mjs PORT TARBALL: a package registry with one package, "reg" 1.0.0.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const [port, tarball] = process.argv.slice(2);
const version = {
	name: "reg",
	version: "1.0.0",
	dist: { tarball: `http://127.0.0.1:${port}/reg/-/reg-1.0.0.tgz` },
};

createServer((request, response) => {
	if (request.url.endsWith(".tgz")) response.end(readFileSync(tarball));
	else
		response
			.setHeader("content-type", "application/json")
			.end(JSON.stringify({ name: "reg", "dist-tags": { latest: "1.0.0" }, versions: { "1.0.0": version } }));
}).listen(port, "127.0.0.1");
