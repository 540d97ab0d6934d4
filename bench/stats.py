"""Percentiles of one run, and ratios taken inside a round."""

import math
from collections.abc import Mapping, Sequence
from statistics import median


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile: a value that was measured. None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def middle(values: Sequence[float | None]) -> float | None:
    """The median of what there is."""
    known = [value for value in values if value is not None]
    return median(known) if known else None


def ratio(of: Mapping[int, float | None], to: Mapping[int, float | None]) -> float | None:
    """The median of a round's own ratios. A machine drifts from round to round, less so within one."""
    shares = []
    for number, value in of.items():
        base = to.get(number)
        if value is not None and base:
            shares.append(value / base)
    return middle(shares)


def difference(of: Mapping[int, float | None], to: Mapping[int, float | None]) -> float | None:
    """The median of a round's own differences."""
    gaps = []
    for number, value in of.items():
        base = to.get(number)
        if value is not None and base is not None:
            gaps.append(value - base)
    return middle(gaps)
