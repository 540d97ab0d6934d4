"""Where model calls come in: each client format has an address."""

from proxy import answers
from proxy.chat_call import ChatCall
from proxy.formats.completions.call import CompletionsCall
from proxy.formats.embeddings.call import EmbeddingsCall
from proxy.formats.messages.call import MessagesCall
from proxy.formats.messages.errors import error_body as messages_error
from proxy.formats.responses.call import ResponsesCall
from proxy.handlers.model_calls import Endpoint
from proxy.ways import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES

ENDPOINTS = (
    Endpoint("/chat/completions", ChatCall.parse, CHAT, answers.error_body),
    Endpoint("/completions", CompletionsCall.parse, COMPLETIONS, answers.error_body),
    Endpoint("/embeddings", EmbeddingsCall.parse, EMBEDDINGS, answers.error_body),
    Endpoint("/messages", MessagesCall.parse, MESSAGES, messages_error),
    Endpoint("/responses", ResponsesCall.parse, RESPONSES, answers.error_body),
)
