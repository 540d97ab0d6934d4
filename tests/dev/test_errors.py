from dev.errors import StartError


def test_the_text_is_all_there_is_to_it():
    assert str(StartError("Port 8080 is in use.")) == "Port 8080 is in use."
