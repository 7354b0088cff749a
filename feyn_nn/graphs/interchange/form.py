"""Diagrams in the language of FORM (J. Vermaseren, https://www.nikhef.nl/~form).

A diagram is a flat product: coefficient, couplings, K(a,b) for every line, and int(y1,-Lambda,Lambda) for every
vertex. `int` is a commuting function that only marks: integrate everything that contains y1, each coordinate of it
from -Lambda to Lambda. So products keep their meaning under all of FORM's sorting, and points stay points for any
d_in. K is symmetric.

FORM keeps names with an underscore at the end to itself and knows none inside; such names go in brackets, as do those
that are taken: [lambda_4], [int].
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from feyn_nn.errors import InputError
from feyn_nn.graphs.interchange.naming import coupling_powers, diagram_names
from feyn_nn.graphs.interchange.reading import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from fractions import Fraction

    from feyn_nn.graphs.diagram import Diagram

FORM_CUTOFF: Final = "Lambda"
FORM_INTEGRAL: Final = "int"
_PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,31}")
_TAKEN = re.compile(r"[xyzuvw][0-9]+|K|Lambda|int")


def to_form(diagram: Diagram, name: str = "diagram") -> str:
    """Return declarations and one line `Local name = C * couplings * int(...) * K(a,b) * ...;`.

    C is `diagram.coefficient`; the sign (-1)^vertices of exp(-Delta S) is not part of it, as everywhere. In
    one program several diagrams, of different names, are separated by `.sort`, behind which FORM takes declarations again.
    Raises InputError for a name that is no FORM name of letters and digits, or more than five different operators.

    >>> from feyn_nn.action import Operator
    >>> from feyn_nn.graphs import Diagram
    >>> print(to_form(Diagram(2, (Operator(4, "lambda_4"),), ((0, 2), (1, 2), (2, 2)))), end="")
    Symbols [lambda_4], Lambda, x1, x2, y1;
    CFunctions K(symmetric), int;
    Local diagram = 12*[lambda_4]*int(y1,-Lambda,Lambda)*K(x1,y1)*K(x2,y1)*K(y1,y1);
    """
    if not _PLAIN_NAME.fullmatch(name) or _TAKEN.fullmatch(name):
        raise InputError(
            f"name {shown(name)} of a FORM expression: expected a letter and up to 31 letters and digits, and neither "
            "a point such as x1 nor K, Lambda or int"
        )
    names = diagram_names(diagram)
    powers = coupling_powers(diagram)
    product = form_product(
        diagram.coefficient,
        [(form_symbol(coupling, name), power) for coupling, power in powers],
        [(names[a], names[b]) for a, b in diagram.edges],
        names[diagram.legs :],
    )
    symbols = [form_symbol(coupling, name) for coupling, _ in powers]
    return f"{form_declarations(symbols, names, names[diagram.legs :])}Local {name} = {product};\n"


def form_symbol(coupling: str, expression: str) -> str:
    """Return a coupling as a FORM symbol; `expression` is the name of the expression, which may not be a symbol too.

    >>> form_symbol("lambda", "G"), form_symbol("g_3", "G"), form_symbol("int", "G")
    ('lambda', '[g_3]', '[int]')
    """
    free = _PLAIN_NAME.fullmatch(coupling) and not _TAKEN.fullmatch(coupling) and coupling != expression
    return coupling if free else f"[{coupling}]"


def form_declarations(couplings: Sequence[str], points: Sequence[str], internal: Sequence[str]) -> str:
    """Return the lines that declare couplings (as FORM symbols), points, the cutoff if there are integrals, K and int."""
    symbols = [*couplings, *([FORM_CUTOFF] if internal else []), *points]
    declared = f"Symbols {', '.join(symbols)};\n" if symbols else ""
    return f"{declared}CFunctions K(symmetric), {FORM_INTEGRAL};\n"


def form_product(
    coefficient: Fraction | int,
    couplings: Iterable[tuple[str, int]],
    lines: Iterable[tuple[str, str]],
    points: Iterable[str],
) -> str:
    """Return coefficient, (symbol, power) of couplings, integrals over `points` and propagators as one product."""
    factors = [_power(symbol, power) for symbol, power in couplings]
    factors += [f"{FORM_INTEGRAL}({point},-{FORM_CUTOFF},{FORM_CUTOFF})" for point in points]
    factors += [_power(f"K({a},{b})", power) for (a, b), power in Counter(lines).items()]
    if coefficient != 1 or not factors:
        factors.insert(0, str(coefficient))
    return "*".join(factors)


def _power(base: str, power: int) -> str:
    return base if power == 1 else f"{base}^{power}"
