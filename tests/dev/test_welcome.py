import json
import shlex

from dev.welcome import welcome

READY = {
    "base_url": "http://127.0.0.1:8080",
    "api_base": "http://127.0.0.1:8080/api/v1",
    "mailbox_dir": "/data/mailbox",
    "demo": {"email": "ada@demo.example", "password": "pw1", "api_key": "sk-bl-abc"},
}


def test_the_block_says_where_who_and_how_to_stop():
    text = welcome(READY, took_s=3.21)

    for part in (
        "up (3.2 s)",
        "http://127.0.0.1:8080",
        "ada@demo.example  pw1",
        "sk-bl-abc",
        "Ctrl-C",
        "/data/mailbox",
    ):
        assert part in text


def test_the_curl_line_is_one_command_with_a_whole_body():
    text = welcome(READY, took_s=1)
    command = text[text.index("curl ") : text.index("\n\nMail")].replace("\\\n", "")

    words = shlex.split(command)

    assert words[1] == "http://127.0.0.1:8080/api/v1/chat/completions"
    assert "Authorization: Bearer sk-bl-abc" in words
    assert json.loads(words[-1])["messages"][0]["role"] == "user"


def test_what_the_demo_does_not_have_is_left_out():
    text = welcome({**READY, "demo": {}, "mailbox_dir": None}, took_s=1)

    assert "curl" not in text
    assert "Mail" not in text
