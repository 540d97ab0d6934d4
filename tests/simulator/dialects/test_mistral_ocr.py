import base64

import pytest

from tests.simulator.dialects.conftest import Provider

PDF = b"%PDF-1.7 <</Type/Pages/Count 2>> <</Type/Page/Parent 2 0 R>> <</Type /Page>> %%EOF"
URL = "data:application/pdf;base64," + base64.b64encode(PDF).decode()


@pytest.fixture
def ocr(caller):
    def body(model, stream):
        return {"model": model, "document": {"type": "document_url", "document_url": URL}}

    return Provider(
        caller, path=lambda model, stream: "/v1/ocr", headers={"Authorization": "Bearer any"}, body=body
    )


async def test_every_page_has_its_markdown_and_is_counted(ocr):
    answer = await ocr.ask()

    assert [page["index"] for page in answer["pages"]] == [0, 1]
    assert [page["markdown"].split("\n")[0] for page in answer["pages"]] == ["# Page 1", "# Page 2"]
    assert (answer["model"], answer["usage_info"]) == ("tiny", {"pages_processed": 2})
    assert answer == await ocr.ask()


async def test_the_record_tells_the_pages(ocr):
    await ocr.ask()

    record = ocr.record
    assert (record["path"], record["how"], record["prompt_tokens"]) == ("/v1/ocr", "done", 2)


@pytest.mark.parametrize(
    ("model", "used"),
    [("tiny+prompt=7", {"pages_processed": 7}), ("tiny+usage=zero", {"pages_processed": 0})],
)
async def test_pages_can_be_stated_wrong(ocr, model, used):
    assert (await ocr.ask(model))["usage_info"] == used


async def test_faults_strike_here_too(ocr):
    async with ocr.post("tiny+status=500") as response:
        assert response.status == 500


@pytest.mark.parametrize(
    ("document", "param"),
    [
        ("-", "document.type"),
        ({"type": "image_url", "image_url": "x"}, "document.type"),
        ({"type": "document_url"}, "document.document_url"),
        ({"type": "document_url", "document_url": "https://example.com/a.pdf"}, "document.document_url"),
        ({"type": "document_url", "document_url": URL + "?"}, "document.document_url"),
    ],
)
async def test_a_document_that_is_not_here_is_refused(ocr, document, param):
    status, body = await ocr.refused(document=document)

    assert (status, body["error"]["param"]) == (400, param)
