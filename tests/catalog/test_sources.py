import zipfile
from decimal import Decimal

from catalog.sources import fetch_litellm, read_table, source_lines

TABLE = '{"gpt-x": {"input_cost_per_token": 1e-07}}'


def make_wheel(folder):
    """Make a wheel that pip takes for litellm 9.9.9."""
    info = "litellm-9.9.9.dist-info"
    with zipfile.ZipFile(folder / "litellm-9.9.9-py3-none-any.whl", "w") as wheel:
        wheel.writestr("litellm/model_prices_and_context_window_backup.json", TABLE)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: litellm\nVersion: 9.9.9\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def test_the_table_is_read_from_the_wheel_of_the_asked_version(tmp_path, monkeypatch):
    make_wheel(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    table = fetch_litellm("9.9.9")

    assert table == {"gpt-x": {"input_cost_per_token": Decimal("0.0000001")}}


def test_numbers_are_read_as_they_are_written():
    table = read_table('{"m": {"input_cost_per_token": 1.1e-07, "max_input_tokens": 8192}}')

    row = table["m"]

    assert row["input_cost_per_token"] == Decimal("0.00000011")
    assert not any(isinstance(value, float) for value in row.values())


def test_sources_are_named_with_version_and_licence():
    lines = source_lines("1.2.3", "0.4.5")

    assert [(line["name"], line["version"], line["license"]) for line in lines] == [
        ("litellm", "1.2.3", "MIT"),
        ("genai-prices", "0.4.5", "MIT"),
    ]
