from simulator.refusals import Refusal


def test_a_refusal_is_the_callers_fault_unless_told():
    refusal = Refusal("Say a model.", param="model")

    assert (str(refusal), refusal.status, refusal.param) == ("Say a model.", 400, "model")
