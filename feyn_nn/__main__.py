"""The command `feyn-nn`, also `python -m feyn_nn`."""

from __future__ import annotations

import sys

from feyn_nn.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
