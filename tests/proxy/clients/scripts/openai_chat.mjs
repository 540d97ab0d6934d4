// OpenAI's SDK for JavaScript, on chat completions.

import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const [url, key, ...kinds] = process.argv.slice(2);
const messages = [{ role: "user", content: "How is the weather in Oslo?" }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "weather", parameters } }];
const results = ["rain in the morning", "sun at noon"];
const thing = zodResponseFormat(z.object({ name: z.string(), size: z.int() }), "thing");

const client = (apiKey = key) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
const counts = (usage) => [usage.prompt_tokens, usage.completion_tokens];
const called = (message) => message.tool_calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);

async function error(model, apiKey) {
  try {
    await client(apiKey).chat.completions.create({ model, messages });
  } catch (error) {
    if (error instanceof OpenAI.APIError) return [error.constructor.name, error.status];
    throw error;
  }
}

async function told(kind) {
  const chat = client().chat.completions;
  const ask = { model: `${kind}/plain`, messages, max_tokens: 60 };
  const plain = await chat.create(ask);
  const chunks = [];
  for await (const chunk of await chat.create({ ...ask, stream: true })) chunks.push(chunk);
  const call = await chat.create({ ...ask, tools, tool_choice: "required" });
  const stream = chat.stream({ ...ask, model: `${kind}/calls`, tools });
  const calls = (await stream.finalChatCompletion()).choices[0].message;
  const returned = calls.tool_calls.map(({ id }, at) => ({ role: "tool", tool_call_id: id, content: results[at] }));
  const after = await chat.create({ ...ask, messages: [...messages, calls, ...returned], tools });
  const shaped = await chat.parse({ ...ask, response_format: thing });
  return {
    plain: plain.choices[0].message.content,
    request_id: plain._request_id,
    usage: counts(plain.usage),
    pieces: chunks.map((chunk) => chunk.choices[0]?.delta.content).filter(Boolean),
    streamed_usage: counts(chunks.at(-1).usage),
    call: called(call.choices[0].message),
    calls: called(calls),
    after: after.choices[0].message.content,
    shaped: shaped.choices[0].message.parsed,
    wrong_key: await error(`${kind}/plain`, "sk-bl-wrong"),
    no_model: await error(`${kind}/none`),
  };
}

for (const kind of kinds) console.log(JSON.stringify(await told(kind)));
