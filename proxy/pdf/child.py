"""A process for one document: a PDF comes in, its pages and their text go out. It imports nothing of ours.

Documents are made by strangers and read by a large parser in C. So that happens here, where a crash, a loop
or a bomb ends this process and nothing else: isolated, with an empty environment, bounded in all it may take.
"""

import json
import os
import re
import resource
import sys
from typing import Any

WRONG_PASSWORD = (4, 5)  # PDFium's codes for what is locked
NICE = 10  # calls come first
# Control characters, half characters, and what PDFium writes for the hyphen of a word it put together again.
UNSAID = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\ud800-\udfff\ufffe\uffff]")


def confine(*, memory_bytes: int, cpu_s: int) -> None:
    """Take from this process all it does not need. There is no way back."""
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_CORE, 0),  # a core is the document, on a disk
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(what, (most, most))
    os.nice(NICE)


def read(data: bytes, *, most_pages: int, most_characters: int, wants_text: bool) -> dict[str, Any]:
    """The pages of a document and the text of each, or what is wrong with it in one word."""
    import pypdfium2  # only once the limits stand

    try:
        document = pypdfium2.PdfDocument(data)
        pages = len(document)
        if pages > most_pages:
            return {"fault": "pages"}
        text, left = [], most_characters
        for page in document if wants_text else ():
            found = page.get_textpage()
            left -= found.count_chars()
            if left < 0:
                return {"fault": "characters"}
            text.append(UNSAID.sub("", found.get_text_bounded().replace("\r\n", "\n")).strip())
            found.close()
            page.close()
    except pypdfium2.PdfiumError as error:
        return {"fault": "locked" if error.err_code in WRONG_PASSWORD else "broken"}
    return {"pages": pages, "text": text}


def main() -> None:
    bounds = json.loads(sys.argv[1])
    confine(memory_bytes=bounds.pop("memory_bytes"), cpu_s=bounds.pop("cpu_s"))
    told = read(sys.stdin.buffer.read(), **bounds)
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
