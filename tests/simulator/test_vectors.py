import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.vectors import packed, unit_vector


@given(st.text(), st.integers(1, 300))
def test_a_vector_has_its_dimensions_and_the_length_1(text, dimensions):
    vector = unit_vector(text, dimensions)

    assert len(vector) == dimensions
    assert math.hypot(*vector) == pytest.approx(1, abs=1e-6)


def test_equal_texts_have_equal_vectors_and_others_do_not():
    assert unit_vector("one", 8) == unit_vector("one", 8)
    assert unit_vector("one", 8) != unit_vector("two", 8)


def test_a_packed_vector_is_its_32_bit_floats():
    assert packed([0.5, -1.0]) == struct.pack("<f", 0.5) + struct.pack("<f", -1.0)
