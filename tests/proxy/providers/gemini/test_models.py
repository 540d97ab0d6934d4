import pytest

from proxy.providers.gemini.models import is_before_gemini_3, wants_signed_calls


@pytest.mark.parametrize("model", ["gemini-1.5-pro", "gemini-2.0-flash", "gemini-2.5-pro"])
def test_old_models_think_by_budgets_and_sign_nothing(model):
    assert is_before_gemini_3(model)
    assert not wants_signed_calls(model)


@pytest.mark.parametrize("model", ["gemini-3-pro-preview", "gemini-3.5-flash", "gemini-flash-latest"])
def test_any_other_is_new(model):
    assert not is_before_gemini_3(model)
    assert wants_signed_calls(model)


def test_models_of_other_families_sign_nothing():
    assert not wants_signed_calls("gemma-4-31b-it")
