"""Exceptions of the package, each with the exit code that the command line gives it.

A message is one sentence that states the value, the place, what was expected and what to do.
"""

from __future__ import annotations


class FeynError(Exception):
    """Base of every error that the package raises on purpose."""

    exit_code = 1


class CompletenessError(FeynError):
    """A generated set of diagrams disagrees with its exact zero-dimensional sum."""


class InputError(FeynError, ValueError):
    """Bad input or usage."""

    exit_code = 2


class LimitError(FeynError):
    """A job refused beforehand because its estimated cost exceeds a limit."""

    exit_code = 3
