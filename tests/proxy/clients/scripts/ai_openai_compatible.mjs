// The AI SDK, with its provider for APIs like OpenAI's. It calls tools and sends their results back by itself.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const [url, key, ...kinds] = process.argv.slice(2);
const prompt = "How is the weather in Oslo?";
const inputSchema = z.object({ city: z.string() });
const thing = z.object({ name: z.string(), size: z.int() });

const relay = (apiKey = key) =>
  createOpenAICompatible({
    name: "relay",
    baseURL: `${url}/v1`,
    apiKey,
    includeUsage: true,
    supportsStructuredOutputs: true,
  });
const asking = (model) => ({ model, prompt, maxOutputTokens: 60, maxRetries: 0 });
const counts = (usage) => [usage.inputTokens, usage.outputTokens];
const called = (step) => step.toolCalls.map((call) => [call.toolName, call.input]);

async function error(model) {
  try {
    await generateText(asking(model));
  } catch (error) {
    if (APICallError.isInstance(error)) return [error.name, error.statusCode];
    throw error;
  }
}

async function told(kind) {
  const model = relay()(`${kind}/plain`);
  const plain = await generateText(asking(model));
  const streaming = streamText(asking(model));
  const pieces = [];
  for await (const piece of streaming.textStream) pieces.push(piece);
  const tools = { weather: tool({ inputSchema }) };
  const call = await generateText({ ...asking(model), tools, toolChoice: "required" });

  const results = ["rain in the morning", "sun at noon"];
  const looking = streamText({
    ...asking(relay()(`${kind}/calls`)),
    tools: { weather: tool({ inputSchema, execute: () => results.shift() }) },
    stopWhen: stepCountIs(2),
    prepareStep: ({ stepNumber }) => (stepNumber ? { model } : {}),
    providerOptions: { relay: { reasoningEffort: "low" } },
  });
  for await (const part of looking.fullStream) if (part.type === "error") throw part.error;
  const [first] = await looking.steps;
  return {
    plain: plain.text,
    usage: counts(plain.usage),
    pieces,
    streamed_usage: counts(await streaming.usage),
    call: called(call),
    calls: called(first),
    after: await looking.text,
    shaped: (await generateObject({ ...asking(model), schema: thing })).object,
    wrong_key: await error(relay("sk-bl-wrong")(`${kind}/plain`)),
    no_model: await error(relay()(`${kind}/none`)),
  };
}

for (const kind of kinds) console.log(JSON.stringify(await told(kind)));
