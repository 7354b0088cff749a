"""Every example runs and prints what is checked in beside it.

After a change that is meant to alter the output: python examples/NN_name.py > examples/NN_name.out, and look at it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("[0-9][0-9]_*.py"))


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.name)
def test_example_prints_its_checked_in_output(script: Path) -> None:
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    expected = script.with_suffix(".out").read_text(encoding="utf-8")
    assert done.stdout == expected, f"run: python examples/{script.name} > examples/{script.stem}.out"


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3
