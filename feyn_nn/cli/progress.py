"""Progress on stderr: a bar where tqdm is installed and stderr is a terminal, else nothing."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def progress(title: str, unit: str = "chunk") -> Iterator[Callable[[int, int], None] | None]:
    """Give a callable (done, total) that moves a bar, or None where nobody would see it."""
    if not sys.stderr.isatty() or find_spec("tqdm") is None:
        yield None
        return
    with import_module("tqdm").tqdm(desc=title, unit=unit, leave=False) as bar:

        def move(done: int, total: int) -> None:
            bar.total = total
            bar.n = done
            bar.refresh()

        yield move
