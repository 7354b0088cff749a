"""Numbers and lists in sentences."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from feyn_nn.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterable


def finite(value: float) -> float | None:
    """None for what is not a finite number."""
    return value if isfinite(value) else None


def listed(items: Iterable[object]) -> str:
    """Things one after the other.

    >>> listed([2, 3, 5]), listed(["a"])
    ('2, 3 and 5', 'a')
    """
    texts = [str(item) for item in items]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def measured_text(value: float | None, error: float | None, experiments: int) -> str:
    """A measured number with its error."""
    return "not measured" if value is None else str(Estimate(value, error, experiments))


def counted(number: float) -> str:
    """A large number of things.

    >>> counted(9.9e20), counted(12345.6)
    ('1e21', '1.2e4')
    """
    mantissa, exponent = f"{number:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}" if mantissa != "10.0" else f"1e{int(exponent) + 1}"
