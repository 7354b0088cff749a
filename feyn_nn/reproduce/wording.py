"""Numbers and lists in sentences."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

from feyn_nn.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterable

MANY: Final = 1e4
_TIMES: Final = "\xa0×\xa0"
_RAISED: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


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
    r"""A number of things to two digits.

    >>> counted(9.9e20), counted(12345.6), counted(7.07)
    ('9.9\xa0×\xa010²⁰', '1.2\xa0×\xa010⁴', '7.1')
    """
    if number < MANY:
        return f"{float(f'{number:.2g}'):g}"
    mantissa, power = f"{number:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}{_TIMES}10{str(int(power)).translate(_RAISED)}"
