#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// cases.mjs [GROUP…]: runs in the guest as root. One line a case, the counts in the end.
import { mkdirSync } from "node:fs";
import { coding } from "./coding.mjs";
import { filesystem } from "./filesystem.mjs";
import { check, conclude, results } from "./harness.mjs";

const groups = { coding, filesystem };
const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(groups);

mkdirSync(results, { recursive: true, mode: 0o700 });
for (const name of wanted) {
	try {
		await groups[name]();
	} catch (error) {
		check(`${name}: comes to its end`, false, error.stack);
	}
}
process.exitCode = conclude();
