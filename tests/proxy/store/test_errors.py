import pytest

from proxy.store.errors import Away, Broken, Fenced


@pytest.mark.parametrize(
    ("message", "code"),
    [("OOM command not allowed when used memory > 'maxmemory'.", "OOM"), ("ERR", "ERR"), ("", "")],
)
def test_an_error_of_the_server_has_a_code(message, code):
    assert Broken(message).code == code


def test_whoever_expects_no_answer_expects_a_fence_too():
    assert issubclass(Fenced, Away)
    assert not issubclass(Broken, Away)
