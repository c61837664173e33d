"""The experiments of the NH-PINN paper (Leung, Lin, Zhang), run again: `nhpinn paper`.

cases -> settings -> experiments, arguments -> findings -> figures, page
"""

SECTIONS = ("2.1", "2.2", "5.2", "5.3", "5.4")
"""The sections of the paper that have experiments."""
