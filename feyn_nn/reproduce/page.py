"""One page with everything that has been made so far: verdicts first, then each figure with its formulas and numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from feyn_nn.network import PRESETS, TALK_NETS
from feyn_nn.report import Facts, Numbers, Paragraph, Picture, Section, page
from feyn_nn.reproduce.result import Subject, Verdict
from feyn_nn.reproduce.talk import DISPLAY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from feyn_nn.report import Block
    from feyn_nn.reproduce.figure import Figure
    from feyn_nn.reproduce.result import Finding, Result, Statement

TITLE: Final = "The experiments of the NN-QFT correspondence, made again"
_SIGNS: Final = {
    Verdict.HOLDS: "✓ holds",
    Verdict.LIMITED: "(✓) within limits",
    Verdict.FAILS: "✗ does not hold",
    Verdict.UNDECIDED: "? not decided",
}
_MINUS: Final = re.compile(r"(?<![\w)])-(?=\d)|(?<=\^)-(?=\d)|(?<=\de)-(?=\d)|(?<=\)e)-(?=\d)")


def report_page(results: Sequence[Result], figures: Mapping[str, Figure]) -> str:
    """The page as HTML, for one or more results of one workshop."""
    sections = [Section(subject.value, (_verdicts(results, subject),)) for subject in Subject]
    sections.append(Section("Networks and inputs", (_experiments(),)))
    sections += [_section(result, figures[result.name]) for result in results]
    sections.append(Section("Provenance", (_provenance(results),)))
    return page(TITLE, _summary(results[0]), sections)


def typeset(text: str) -> str:
    """Text with true minus signs in front of numbers.

    >>> typeset("-0.35(17) at N^-1, -1.2e-05 and d_in-1")
    '−0.35(17) at N^−1, −1.2e−05 and d_in-1'
    """
    return _MINUS.sub("−", text)


def _summary(result: Result) -> list[str]:
    settings = result.settings
    return [
        "The experiments of A. Maiti's talk The NN-QFT Correspondence (after Halverson, Maiti and Stoner, arXiv:2008.08601): "
        "Gauss-, Erf- and ReLU-net of one hidden layer, with measured, exact and derived numbers side by side.",
        f"Measured: {settings['experiments']} experiments of {settings['networks_per_experiment']:,} networks at each width "
        f"(the talk: {TALK_NETS:,}), by plain averages as in the talk and by estimators with less noise, and of "
        f"{settings['neurons_per_experiment']:,} single neurons, which serve every width. Exact: correlators of these networks "
        "are polynomials in 1/N that need no sampling. Derived: from the generated diagrams and the growth of the kernel.",
        "K is the kernel, the exact two-point function; K_hat a network's own, given its hidden layer: to average products "
        "of it integrates the output weights out. Errors are standard errors over independent experiments; 0.315(7) means "
        "0.315 ± 0.007. Where a few networks carry an average it has no error bar. Every verdict is computed from the "
        "numbers further down.",
    ]


def _verdicts(results: Sequence[Result], subject: Subject) -> Numbers:
    """Statements of one subject against networks."""
    found: dict[Statement, dict[str, Verdict]] = {}
    for result in results:
        for finding in result.findings:
            if finding.statement.subject is subject:
                found.setdefault(finding.statement, {})[finding.network] = finding.verdict
    rows = tuple(
        (statement.text, *(_SIGNS[by_network[name]] if name in by_network else None for name in PRESETS))
        for statement, by_network in found.items()
    )
    return Numbers(("statement", *(DISPLAY[name] for name in PRESETS)), rows)


def _experiments() -> Numbers:
    rows = tuple(
        (
            DISPLAY[name],
            ", ".join(f"{x:g}" for x in preset.inputs),
            f"{preset.sigma_w**2:g}, {preset.sigma_b**2:g}",
            preset.effective_width,
        )
        for name, preset in PRESETS.items()
    )
    return Numbers(
        ("network", "inputs", "σ_W², σ_b²", "width for λ"),
        tuple(tuple(typeset(cell) if isinstance(cell, str) else cell for cell in row) for row in rows),
        "The talk's settings, in one input dimension.",
    )


def _section(result: Result, figure: Figure) -> Section:
    blocks: list[Block] = [
        Paragraph(f"The talk's {result.source}."),
        Picture(result.svg, result.caption, wide=True),
        _findings(result.findings),
        *figure.theory(),
    ]
    for each in figure.shown(result):
        caption = f"{each.table.title}; all columns and rows are in {each.table.name}.csv."
        blocks.append(Numbers(each.columns, each.rows, caption, digits=4))
        blocks.append(Facts({column: each.table.meaning[column] for column in each.columns}))
    return Section(result.title, tuple(blocks))


def _findings(findings: Sequence[Finding]) -> Numbers:
    ordered = dict.fromkeys(finding.statement for finding in findings)
    rows = tuple(
        (statement.text if first else "", DISPLAY[each.network], _SIGNS[each.verdict], typeset(each.evidence))
        for statement in ordered
        for first, each in _first_marked([each for each in findings if each.statement == statement])
    )
    return Numbers(("statement", "network", "verdict", "numbers"), rows)


def _first_marked(findings: list[Finding]) -> list[tuple[bool, Finding]]:
    return [(place == 0, finding) for place, finding in enumerate(findings)]


def _provenance(results: Sequence[Result]) -> Facts:
    """Settings that all figures share, and the versions that made them."""
    settings = results[0].settings
    shared = {
        key.replace("_", " "): ", ".join(map(str, value)) if isinstance(value, list) else value
        for key, value in settings.items()
        if all(result.settings.get(key) == value for result in results)
    }
    versions: dict[str, str] = {}
    for name in results[0].provenance:
        versions[name] = ", ".join(dict.fromkeys(result.provenance.get(name, "unknown") for result in results))
    return Facts(shared | versions)
