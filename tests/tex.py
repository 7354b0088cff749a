"""Formulas through pdflatex, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def assert_compiles_and_fits(formulas: Iterable[str], folder: Path) -> None:
    """Assert that braces are balanced and, where TeX is, that the document compiles without an overfull line."""
    text = "\n".join(formulas)
    assert text.count("{") == text.count("}")
    assert text.count("\\bigl[") == text.count("\\bigr]")
    program = shutil.which("pdflatex")
    if program is None:
        return
    source = folder / "formulas.tex"
    source.write_text(
        "\\documentclass{article}\n\\usepackage{amsmath}\n\\allowdisplaybreaks\n\\begin{document}\n"
        f"{text}\\end{{document}}\n"
    )
    command = [program, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", source.name]
    finished = subprocess.run(command, cwd=folder, capture_output=True, timeout=100, check=False)
    output = finished.stdout.decode(errors="replace")
    assert finished.returncode == 0, output[-2000:]
    assert "Overfull \\hbox" not in output
    assert source.with_suffix(".pdf").stat().st_size > 0
