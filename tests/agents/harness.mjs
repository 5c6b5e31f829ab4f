// SPDX-License-Identifier: Apache-2.0
//
// What every case in the guest uses: results, commands as a user with and without a cell, trails.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** Where the results of all runs lie: outside every cell, readable to root alone. */
export const results = "/run/agents";
const policies = "/usr/local/share/ambit/policies";

let failed = 0;
let passed = 0;

/** One case: its name, whether it holds, and what was there instead. */
export function check(name, holds, found) {
	console.log(`${holds ? "ok" : "not ok"} ${name}`);
	if (holds) {
		passed++;
		return;
	}
	failed++;
	const text = typeof found === "string" ? found : JSON.stringify(found, null, "\t");
	console.log(`${text ?? ""}`.replace(/^/gm, "    | "));
	console.log(`    repeat: tests/agents/run ${name.split(":")[0]}`);
}

/** Prints the counts; the exit status they mean. */
export function conclude() {
	console.log(`${passed} passed, ${failed} failed`);
	return failed || !passed ? 1 : 0;
}

/** Runs a command to its end: its status and all that it printed. Ends it after `seconds`. */
export function run(argv, { env = process.env, cwd = "/", seconds = 900 } = {}) {
	const child = spawn(argv[0], argv.slice(1), { env, cwd, stdio: ["ignore", "pipe", "pipe"] });
	let stdout = "";
	let stderr = "";
	child.stdout.on("data", (bytes) => (stdout += bytes));
	child.stderr.on("data", (bytes) => (stderr += bytes));
	const timer = setTimeout(() => child.kill("SIGTERM"), seconds * 1000);
	return new Promise((resolve, reject) => {
		child.on("error", reject);
		child.on("close", (code, signal) => {
			clearTimeout(timer);
			resolve({ status: code ?? signal, stdout, stderr });
		});
	});
}

/** As run(), but has to succeed; gives what it printed. */
export async function must(argv, options) {
	const { status, stdout, stderr } = await run(argv, options);
	if (status !== 0) throw new Error(`${argv.join(" ")}: ${status}\n${stderr}`);
	return stdout;
}

/** How `user` starts a command at home, without a cell. */
export const asUser = (user, argv) => ["/usr/sbin/runuser", "-u", user, "--", ...argv];

/** The same in a cell under a shipped policy; the trail goes to `trail`. */
export const inCell = (user, policy, trail, argv) => [
	"ambit", "run", "-p", `${policies}/${policy}`, "--user", user, "--trail", trail, "--", ...argv,
];

/** What `user` finds in the environment. */
export const environment = (user) => ({
	PATH: "/usr/local/bin:/usr/bin:/bin",
	HOME: `/home/${user}`,
	USER: user,
	LOGNAME: user,
	LANG: "C.UTF-8",
	TERM: "dumb",
	// There is no network: no questions about newer versions.
	PI_OFFLINE: "1",
	npm_config_update_notifier: "false",
});

/** Runs a shell script as `user`, at home; has to succeed. */
export const shell = (user, script) =>
	must(asUser(user, ["bash", "-euc", script]), {
		env: environment(user),
		cwd: `/home/${user}`,
	});

/** What a file holds; nothing if there is none. */
export const read = (path) => (existsSync(path) ? readFileSync(path, "utf8") : "");

/** What ambit says of an event, under its own names. */
const facts = (event) => ({
	...event.unmapped,
	path: event.file?.path ?? event.process?.file?.path ?? event.dst_endpoint?.name,
	domain: event.query?.hostname ?? event.dst_endpoint?.hostname,
	addr: event.dst_endpoint?.ip,
	port: event.dst_endpoint?.port,
	comm: event.actor?.process.name,
	exe: event.actor?.process.file?.path,
});

const lines = (trail) =>
	read(trail)
		.split("\n")
		.filter((line) => line)
		.map((line) => facts(JSON.parse(line)));

/** The denials of a trail. */
export const denials = (trail) => lines(trail).filter((event) => event.verdict === "deny");

/** The text of the policy line that an event names. */
export function policyLine(policy, event) {
	return read(`${policies}/${policy}`).split("\n")[event.line - 1] ?? "";
}

/**
 * Checks that a trail holds a denial with all of `fields` (equal, or matched by an expression) at a
 * policy line that `line` matches.
 */
export function checkDenied(name, trail, policy, fields, line) {
	const matches = (found, wanted) =>
		wanted instanceof RegExp ? wanted.test(`${found ?? ""}`) : found === wanted;
	const events = denials(trail);
	const hit = events.some(
		(event) =>
			Object.entries(fields).every(([key, wanted]) => matches(event[key], wanted)) &&
			line.test(policyLine(policy, event)),
	);
	check(name, hit, events);
}

/** Checks that a trail came to its end and holds every denial that the kernel counted. */
export function checkComplete(name, trail) {
	const end = lines(trail).at(-1);
	const held = denials(trail).length;
	check(name, end?.type === "end" && end.lost === 0 && held > 0 && end.denied === held, end);
}

/** Shows the denials of a trail as a person would see them. */
export async function show(trail) {
	const said = await must(["ambit", "log", "--denied", trail]);
	console.log(said.trimEnd().replace(/^/gm, "# "));
}
