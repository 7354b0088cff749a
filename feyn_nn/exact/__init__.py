"""Exact correlators of networks at finite width, without sampling: moments of one neuron, cumulants, powers of 1/N."""
