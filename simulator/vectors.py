"""Deterministic embeddings: a text in, a vector of length 1 out."""

import math
import struct
from hashlib import shake_256


def unit_vector(text: str, dimensions: int) -> list[float]:
    """Make the vector that follows from the text alone."""
    drawn = shake_256(text.encode(errors="surrogatepass")).digest(2 * dimensions)
    numbers = [2 * number + 1 for number in struct.unpack(f"<{dimensions}h", drawn)]  # none is zero
    length = math.hypot(*numbers)
    return [round(number / length, 8) for number in numbers]


def packed(vector: list[float]) -> bytes:
    """Give the vector as 32-bit floats, the lowest byte first."""
    return struct.pack(f"<{len(vector)}f", *vector)
