// SPDX-License-Identifier: Apache-2.0
//
// The MCP file server, over stdio, with the same calls outside a cell (as "reader") and in a cell
// under the shipped policy (as "writer"). It would serve all that lies in its directory.
import {
	asUser, check, checkComplete, checkDenied, denials, environment, inCell, must, read, results,
	shell, show,
} from "./harness.mjs";
import { callTools } from "./mcp-client.mjs";

const policy = "mcp-filesystem.yaml";
const secrets = { ".env": "TOKEN=opensesame", "server.key": "PRIVATE opensesame" };

const served = `
mkdir served
cd served
echo 'buy milk' > list.txt
echo '${secrets[".env"]}' > .env
echo '${secrets["server.key"]}' > server.key
`;

const calls = (directory) => [
	{ name: "list_directory", arguments: { path: directory } },
	{ name: "read_text_file", arguments: { path: `${directory}/list.txt` } },
	{ name: "write_file", arguments: { path: `${directory}/new.txt`, content: "new\n" } },
	{
		name: "edit_file",
		arguments: {
			path: `${directory}/list.txt`,
			edits: [{ oldText: "milk", newText: "bread" }],
		},
	},
	{ name: "read_text_file", arguments: { path: `${directory}/.env` } },
	{ name: "read_text_file", arguments: { path: `${directory}/server.key` } },
	{ name: "write_file", arguments: { path: `${directory}/.env`, content: "TOKEN=mine\n" } },
];

async function serve(user, wrap) {
	const directory = `/home/${user}/served`;
	await must(["useradd", "--create-home", "--shell", "/bin/bash", user]);
	await shell(user, served);
	const options = { env: environment(user), cwd: directory };
	const ended = await callTools(wrap(["mcp-server-filesystem", "."]), options, calls(directory));
	return { ...ended, directory };
}

function checkServed(name, { status, log, directory, calls: [list, get, put, edit] }) {
	const say = (what) => `filesystem: ${name} ${what}`;
	check(say("the server ends well"), status === 0, log);
	check(say("it lists"), list?.text.includes("[FILE] list.txt"), list);
	check(say("it reads"), get?.text === "buy milk\n", get);
	check(say("it writes"), !put?.failed && read(`${directory}/new.txt`) === "new\n", put);
	check(say("it edits"), !edit?.failed && read(`${directory}/list.txt`) === "buy bread\n", edit);
}

function checkFree({ directory, calls: made }) {
	const [env, key, overwrite] = made.slice(4);
	const say = (what) => `filesystem: without a cell ${what}`;
	check(say("it serves .env"), env?.text.includes(secrets[".env"]), env);
	check(say("it serves a private key"), key?.text.includes(secrets["server.key"]), key);
	check(say("it overwrites .env"), read(`${directory}/.env`) === "TOKEN=mine\n", overwrite);
}

function checkConfined({ directory, calls: made }, trail) {
	const [env, key, overwrite] = made.slice(4);
	const say = (what) => `filesystem: in the cell ${what}`;
	for (const [what, call] of Object.entries({
		"reading .env": env, "reading a private key": key, "overwriting .env": overwrite,
	}))
		check(say(`${what} is refused by the kernel`), call?.failed && /EACCES/.test(call.text), call);
	const sayings = JSON.stringify(made);
	check(say("no secret comes out"), made.length === 7 && !sayings.includes("opensesame"), made);
	check(say(".env is as it was"), read(`${directory}/.env`) === `${secrets[".env"]}\n`);

	const denied = (what, fields, line) =>
		checkDenied(say(`the trail has ${what}`), trail, policy,
			{ reason: "rule", exe: "/usr/bin/node", ...fields }, line);
	denied("the read of .env", { op: "read", path: `${directory}/.env` }, /"\*\*\/\.env"/);
	denied("the read of the key", { op: "read", path: `${directory}/server.key` }, /"\*\*\/\*\.key"/);
	denied("the write of .env", { op: "write", path: new RegExp(`^${directory}/\\.env`) }, /\.env/);
	checkComplete(say("the trail holds every denial"), trail);
	const others = denials(trail).filter((event) => !/\/(\.env|server\.key)/.test(event.path ?? ""));
	check(say("nothing else is denied"), others.length === 0, others);
}

export async function filesystem() {
	const trail = `${results}/filesystem.trail`;
	const [free, confined] = await Promise.all([
		serve("reader", (argv) => asUser("reader", argv)),
		serve("writer", (argv) => inCell("writer", policy, trail, argv)),
	]);
	checkServed("without a cell", free);
	checkFree(free);
	checkServed("in the cell", confined);
	checkConfined(confined, trail);
	await show(trail);
}
