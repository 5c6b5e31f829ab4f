// SPDX-License-Identifier: Apache-2.0
//
// A client of the Model Context Protocol over stdio.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A server process: request() gives a reply's result, ended its exit status, log what it said. */
function startServer([command, ...args], options) {
	const child = spawn(command, args, { ...options, stdio: ["pipe", "pipe", "pipe"] });
	const server = { log: "" };
	const waiting = new Map();
	let lastId = 0;

	child.stderr.on("data", (bytes) => (server.log += bytes));
	createInterface({ input: child.stdout }).on("line", (line) => {
		const message = JSON.parse(line);
		waiting.get(message.id)?.(message);
	});
	server.ended = new Promise((resolve, reject) => {
		child.on("error", reject);
		child.on("close", (code, signal) => resolve(code ?? signal));
	});
	server.notify = (method, params) =>
		child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", method, params })}\n`);
	server.request = async (method, params) => {
		const id = ++lastId;
		const reply = new Promise((resolve) => waiting.set(id, resolve));
		child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
		const gone = server.ended.then((status) => ({ error: { message: `it ended: ${status}` } }));
		const { result, error } = await Promise.race([reply, gone]);
		if (error) throw new Error(`${method}: ${error.message}`);
		return result;
	};
	server.stop = () => child.stdin.end();
	child.stdin.on("error", () => {}); // a server that is gone is reported by `ended`
	return server;
}

/**
 * Starts a server, shakes hands and makes `calls`, { name, arguments }, one after the other.
 * Gives { status, log, calls }; each call has got "text" (what the tool said) and "failed".
 */
export async function callTools(argv, options, calls) {
	const server = startServer(argv, options);
	const done = [];
	try {
		await server.request("initialize", {
			protocolVersion: "2025-06-18",
			capabilities: {},
			clientInfo: { name: "ambit-test", version: "1" },
		});
		server.notify("notifications/initialized");
		for (const call of calls) {
			const { content, isError } = await server.request("tools/call", call);
			const text = content.map((part) => part.text ?? "").join("");
			done.push({ ...call, text, failed: !!isError });
		}
	} catch (error) {
		server.log += `${error.message}\n`;
	}
	server.stop();
	return { status: await server.ended, log: server.log, calls: done };
}
