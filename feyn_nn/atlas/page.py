"""The atlas as a page of Markdown: conventions, then a table for each theory, number of legs and order."""

from __future__ import annotations

from math import factorial, prod
from typing import TYPE_CHECKING, Final

from feyn_nn.atlas.chapters import document_path, picture_path, powers
from feyn_nn.graphs import representative
from feyn_nn.graphs.interchange.naming import diagram_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.atlas.chapters import Chapter, Entry, Theory

INTRODUCTION: Final = """\
# Atlas of diagrams

Every diagram of three theories at low order, as the generator makes them. Written by `feyn-nn atlas build`; do not edit.
`feyn-nn atlas check` (and a test) compares it with the code byte by byte; after a change that is meant to alter it, run
`feyn-nn atlas build` at the top of the repository and look at the difference.

- **Action**: S = S_GP + sum_k g_k int d^d y f(y)^k, **with no 1/k!**. Lines are the propagator K(x,y), the exact two-point
  function; legs x1..xn end at fixed points, vertices are integrated over.
- **C**: each labelled diagram D enters G^(n) as prod_k (-g_k)^(p_k) C(D) int prod K, with C(D) = prod_k (k!)^(p_k) / |Aut(D)|
  for p_k vertices of valence k. Aut fixes the legs and counts permutations of vertices and of parallel lines, and
  exchanges and flips of self-loops. The sign is not part of C.
- **Labellings**: the number of distinct ways to put x1..xn at the legs; the picture shows one of them.
- **Multiplicity** = C x labellings. At each order the multiplicities of all diagrams add up to
  (n + sum_k k p_k - 1)!! / prod_k p_k!, the zero-dimensional theory; those of the kept ones to that theory's pruned sum.
- **Pruned**: `vacuum`, a part touches no leg and divides out with Z (for n = 0 this is every diagram with a vertex);
  `propagator`, a part joined to the rest by just two lines corrects a line, and K is exact already. Else the diagram is kept.
- **Pictures**: the shape of a vertex tells its valence (disc 4, square 6); lines that cross without a mark do not meet.
  A picture links to its JSON; `index.json` holds all tables. File names are the diagrams' keys, equal for isomorphic
  diagrams and only for them; theories share files.
"""


def page(found: Sequence[Chapter]) -> str:
    """The whole page."""
    theories = list(dict.fromkeys(chapter.theory for chapter in found))
    number = len({entry.key for chapter in found for entry in chapter.entries})
    blocks = [INTRODUCTION, _contents(found, theories, number)]
    for theory in theories:
        blocks.append(f"## {theory.action}\n")
        mine = [chapter for chapter in found if chapter.theory == theory]
        for n in dict.fromkeys(chapter.n for chapter in mine):
            blocks.append(f"### {_section(theory, n)}\n")
            blocks += [_chapter(chapter) for chapter in mine if chapter.n == n]
    return "\n".join(blocks)


def _section(theory: Theory, n: int) -> str:
    return f"{theory.action}: n = {n}"


def _anchor(heading: str) -> str:
    """The address that the usual renderers of Markdown give a heading."""
    return "".join("-" if c == " " else c for c in heading.lower() if c.isalnum() or c in " -_")


def _contents(found: Sequence[Chapter], theories: Sequence[Theory], number: int) -> str:
    lines = [f"{number} diagrams:\n"]
    for theory in theories:
        mine = [chapter for chapter in found if chapter.theory == theory]
        links = [f"[n = {n}](#{_anchor(_section(theory, n))})" for n in dict.fromkeys(chapter.n for chapter in mine)]
        lines.append(f"- **{theory.action}**, up to {theory.maximum} vertices: {', '.join(links)}")
    return "\n".join([*lines, ""])


def _chapter(chapter: Chapter) -> str:
    action = chapter.theory.action
    order = chapter.check.order
    count = len(chapter.entries)
    kept = sum(entry.reason is None for entry in chapter.entries)
    half_edges = [
        f"{power} x {operator.valence}" for operator, power in zip(action.operators, order, strict=True) if power
    ]
    total = chapter.n + sum(operator.valence * power for operator, power in zip(action.operators, order, strict=True))
    identical = prod(factorial(power) for power in order)
    top = str(total - 1) if total else "(-1)"
    sum_of = " + ".join([str(chapter.n), *half_edges])
    lines = [
        f"#### order {powers(action.couplings, order)}: {count} {'diagram' if count == 1 else 'diagrams'}, {kept} kept",
        "",
        "| diagram | C | labellings | multiplicity | \\|Aut\\| | |",
        "|---|---:|---:|---:|---:|---|",
        *(_row(entry) for entry in chapter.entries),
        "",
        f"All: {chapter.check.everything} = ({sum_of} - 1)!! / {identical} = {top}!! / {identical}. "
        f"Kept: {chapter.check.kept}.",
        "",
    ]
    return "\n".join(lines)


def _row(entry: Entry) -> str:
    topology = entry.term.topology
    shown = representative(topology)
    names = diagram_names(shown)
    alternative = " ".join(f"K({names[a]},{names[b]})" for a, b in shown.edges) or "1"
    picture = f'<a href="{document_path(entry.key)}"><img src="{picture_path(entry.key)}" alt="{alternative}"></a>'
    cells = [picture, topology.coefficient, topology.labellings, topology.multiplicity, topology.internal_automorphisms]
    return f"| {' | '.join(map(str, cells))} | {entry.reason.value if entry.reason else '**kept**'} |"
