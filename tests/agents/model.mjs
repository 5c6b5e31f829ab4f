// SPDX-License-Identifier: Apache-2.0
//
// A model on loopback that says what its script says, in the OpenAI chat-completions stream.
//
// A script is an array of turns, each either
//     { "tool": NAME, "arguments": {…} }     a call of one of the agent's tools
//     { "text": TEXT }                       a last word: no call, so the agent stops
// The transcript gets one object a turn when its outcome is known: the turn, and for a call what
// the agent sent back as "result". A request that no turn answers, or that a real model's server
// would refuse, becomes { "error": TEXT } there and is answered with status 400.
import { once } from "node:events";
import { createServer } from "node:http";

const callId = (turn) => `call_${turn}`;
const textOf = (content) =>
	Array.isArray(content) ? content.map((part) => part.text ?? "").join("") : content;

/** What is wrong with a request, as a sentence, or undefined. */
function complaint(turns, request, answered) {
	if (request.stream !== true) return "the request does not ask for a stream";
	if (!request.messages.some((message) => message.role === "user")) return "nobody asked";
	if (answered >= turns.length) return `the script ends after ${turns.length} turns`;
	const { tool } = turns[answered];
	if (tool && !request.tools?.some((offer) => offer.function.name === tool))
		return `the agent has no tool "${tool}"`;
	if (answered && request.messages.at(-1).tool_call_id !== callId(answered - 1))
		return `the last message is not the result of ${callId(answered - 1)}`;
	return undefined;
}

/** The deltas of one turn; arguments come in pieces, as they do from a real model. */
function* deltas(turn, number) {
	yield { role: "assistant", content: turn.text ?? "" };
	if (!turn.tool) return;
	const call = (fields) => ({ tool_calls: [{ index: 0, ...fields }] });
	yield call({
		id: callId(number),
		type: "function",
		function: { name: turn.tool, arguments: "" },
	});
	for (const piece of JSON.stringify(turn.arguments).match(/.{1,16}/gsu))
		yield call({ function: { arguments: piece } });
}

function say(response, turn, number) {
	const chunk = (delta, finish_reason = null) => ({
		id: `turn_${number}`,
		object: "chat.completion.chunk",
		created: 0,
		model: "scripted",
		choices: [{ index: 0, delta, finish_reason }],
	});
	const send = (data) => response.write(`data: ${JSON.stringify(data)}\n\n`);
	response.writeHead(200, { "content-type": "text/event-stream" });
	for (const delta of deltas(turn, number)) send(chunk(delta));
	send(chunk({}, turn.tool ? "tool_calls" : "stop"));
	response.end("data: [DONE]\n\n");
}

function refuse(response, status, message) {
	response.writeHead(status, { "content-type": "application/json" });
	response.end(JSON.stringify({ error: { message } }));
}

/** Answers one request and records what it tells about the turn before. */
function complete(turns, transcript, request, response) {
	// The conversation itself says which turn it is, so a request that comes twice changes nothing.
	const number = request.messages.filter((message) => message.role === "assistant").length;
	const wrong = complaint(turns, request, number);
	if (wrong) {
		transcript.push({ error: wrong });
		refuse(response, 400, wrong);
		return;
	}
	const turn = turns[number];
	if (number && transcript.length < number)
		transcript.push({ ...turns[number - 1], result: textOf(request.messages.at(-1).content) });
	if (!turn.tool && transcript.length === number) transcript.push(turn);
	say(response, turn, number);
}

/** Starts a model that plays `turns`; { port, transcript, close() }. */
export async function startModel(turns) {
	const transcript = [];
	const server = createServer(async (request, response) => {
		const body = await request.toArray();
		if (request.method === "POST" && request.url === "/v1/chat/completions") {
			complete(turns, transcript, JSON.parse(Buffer.concat(body)), response);
			return;
		}
		transcript.push({ error: `${request.method} ${request.url}` });
		refuse(response, 404, "not found");
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const close = () => {
		server.close();
		server.closeAllConnections();
	};
	return { port: server.address().port, transcript, close };
}
