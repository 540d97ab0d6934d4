from dev.programs import Layer, Program


def test_secrets_in_the_environment_of_a_program_are_not_shown():
    program = Program(name="web", argv=[], env={"SECRET_KEY": "hidden"}, layer=Layer.FRONT)

    assert "hidden" not in repr(program)
