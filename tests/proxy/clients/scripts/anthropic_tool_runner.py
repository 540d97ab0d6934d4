"""The loop of Anthropic's SDK that runs the tools a model calls. It asks for threads, and goes on without them."""

import json
import sys

import anthropic

URL, KEY, *KINDS = sys.argv[1:]
MESSAGES = [{"role": "user", "content": "How is the weather in Oslo?"}]
RESULTS = ["rain in the morning", "sun at noon"]

client = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0)
for kind in KINDS:
    results = iter(RESULTS)

    @anthropic.beta_tool
    def weather(city: str, *, results=results) -> str:
        """Tell the weather."""
        return next(results)

    runner = client.beta.messages.tool_runner(
        model=f"{kind}/calls", max_tokens=60, messages=MESSAGES, tools=[weather], max_iterations=2
    )
    print(json.dumps([message.stop_reason for message in runner]))
