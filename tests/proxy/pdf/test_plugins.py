import pytest

from core.errors import BadRequest
from proxy.pdf.plugins import ENGINES, read_engine


@pytest.mark.parametrize("engine", ENGINES)
def test_a_call_names_its_engine(engine):
    plugins = [{"id": "file-parser", "pdf": {"engine": engine}}]

    assert read_engine({"plugins": plugins}) == engine


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"plugins": None},
        {"plugins": []},
        {"plugins": [{"id": "file-parser"}]},
        {"plugins": [{"id": "file-parser", "pdf": {}}]},
    ],
)
def test_a_call_that_names_none_leaves_it_to_us(document):
    assert read_engine(document) is None


@pytest.mark.parametrize(
    ("plugins", "param"),
    [
        ("file-parser", "plugins"),
        ({}, "plugins"),
        (["file-parser"], "plugins[0]"),
        ([{}], "plugins[0].id"),
        ([{"id": "web"}], "plugins[0].id"),
        ([{"id": ["file-parser"]}], "plugins[0].id"),
        ([{"id": "file-parser", "max_files": 2}], "plugins[0].max_files"),
        ([{"id": "file-parser", "pdf": "native"}], "plugins[0].pdf"),
        ([{"id": "file-parser", "pdf": {"engine": "ours"}}], "plugins[0].pdf.engine"),
        ([{"id": "file-parser", "pdf": {"engine": {}}}], "plugins[0].pdf.engine"),
        ([{"id": "file-parser", "pdf": {"pages": 2}}], "plugins[0].pdf.pages"),
        ([{"id": "file-parser"}, {"id": "file-parser"}], "plugins[1]"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(plugins, param):
    with pytest.raises(BadRequest) as refused:
        read_engine({"plugins": plugins})

    assert refused.value.param == param
    assert param in refused.value.message
