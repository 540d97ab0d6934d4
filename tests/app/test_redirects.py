import pytest

from app.redirects import local_path


@pytest.mark.parametrize("path", ["/", "/usage", "/usage?period=day", "/keys/new#name"])
def test_a_path_of_ours_is_followed(path):
    assert local_path(path, default="/x") == path


@pytest.mark.parametrize(
    "path",
    [
        None, "", "usage", "//evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example",
        "https://evil.example", "javascript:alert(1)", "/a\nb", "/\t/evil.example", "/ /evil.example", "/\x00",
        "/" + "a" * 3000, "///evil.example", "/a\\b",
    ],
)  # fmt: skip
def test_anything_else_is_not(path):
    assert local_path(path, default="/x") == "/x"
