"""Cell problems: each module with a `...CellSolver` is a formulation.

smooth.py    : smooth coefficients, one net for all cell functions; `smooth_rows`, ground states too
separable.py : slow variables in the last layer, where a random layer would not fill the box
jumps.py     : one net for each phase, with rows for the flux; `jump_rows` and `jump_blocks`,
               `subdomains`, `contacts`
energy.py    : bounds of A* from gradients and from divergence-free fluxes; `energy_problem`
averages.py  : means over the cell, which make functions unique and give effective coefficients

Open `smooth.py` first.
"""
