import socket

from dev.ports import LOOPBACK, free_port, is_free


def test_a_port_in_use_is_not_free():
    with socket.create_server((LOOPBACK, 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_a_free_port_is_below_those_of_outgoing_connections():
    port = free_port()

    assert is_free(port)
    assert port < 32768


def test_a_port_given_away_is_not_given_again():
    given = {free_port() for _ in range(3)}

    assert free_port(taken=given) not in given
