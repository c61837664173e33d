"""Oracles: NumPy and SciPy alone, nothing of the package."""
