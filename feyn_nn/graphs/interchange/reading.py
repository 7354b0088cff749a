"""What the readers of documents and texts share: their limits, and how a wrong value is shown in one line.

A document may come from anywhere. Its size is looked at before anything is computed, and a message never repeats
more of it than fits in a line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_LEGS: Final = 100
"""Legs of one diagram, as many as a correlator may have."""
MAX_VERTICES: Final = 16
"""Vertices of one diagram."""
MAX_VERTEX_ENDS: Final = 48
"""Line ends at the vertices of one diagram, more than the generator makes: the cost of a canonical form is that of its
symmetry at worst, which 48 ends keep below a second or so (seven vertices, each joined to every other)."""
MAX_EDGES: Final = 74
"""Lines of one diagram: half of 100 legs and 48 ends at vertices."""
MAX_DIAGRAMS: Final = 20_000
"""Diagrams of one document, as many as are written out in one correlator."""
MAX_BYTES: Final = 2**27
"""Size of a file or a text (128 MiB)."""

_SHOWN_CHARACTERS = 60
_SHOWN_BITS = 128


def too_large(legs: int, valences: Collection[int]) -> str | None:
    """Return what exceeds the limits for one diagram, in words, or None.

    >>> too_large(4, [4, 4]), too_large(0, [4] * 20)
    (None, '0 legs, 20 vertices and 80 line ends at them, where at most 100, 16 and 48 are supported')
    """
    if legs <= MAX_LEGS and len(valences) <= MAX_VERTICES and sum(valences) <= MAX_VERTEX_ENDS:
        return None
    return (
        f"{legs} legs, {len(valences)} vertices and {sum(valences)} line ends at them, where at most {MAX_LEGS}, "
        f"{MAX_VERTICES} and {MAX_VERTEX_ENDS} are supported"
    )


def shown(value: object) -> str:
    """Return a short description of any value, in the words of JSON.

    >>> shown(True), shown("x1"), shown([1, 2]), shown(1 << 20000)
    ('true', "'x1'", 'a list of 2', 'an integer of 20001 bits')
    """
    if isinstance(value, str):
        return repr(value) if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]!r}..."
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        # Python refuses to print integers of more than 4300 digits.
        return str(value) if value.bit_length() <= _SHOWN_BITS else f"an integer of {value.bit_length()} bits"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object with {len(value)} keys"
    return f"a Python {type(value).__name__}"
