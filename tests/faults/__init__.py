"""Faults of ensembles at full counts: `python -m tests.faults`, or `make faults`; the tests run them at reduced ones."""
