// SPDX-License-Identifier: Apache-2.0
// fetch.mjs fetch|c-ares HOST...   gets https://HOST/: with the C library's names, or with Node's own.
import { resolve4 } from "node:dns/promises";
import https from "node:https";

const [way, ...hosts] = process.argv.slice(2);

async function byFetch(host) {
	return (await fetch(`https://${host}/`)).text();
}

async function byAddress(host) {
	const [address] = await resolve4(host);
	return new Promise((done, fail) =>
		https.get({ host: address, servername: host, headers: { host } }, (response) => {
			let text = "";
			response.on("data", (data) => (text += data)).on("end", () => done(text));
		}).on("error", fail));
}

for (const host of hosts) {
	try {
		const text = await (way === "fetch" ? byFetch(host) : byAddress(host));
		console.log(host, text === `hello ${host}\n` ? "ok" : `odd ${text}`);
	} catch (error) {
		console.log(host, "no", error.cause?.message ?? error.message);
	}
}
process.exit(0);
