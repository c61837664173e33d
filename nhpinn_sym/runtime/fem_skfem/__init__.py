"""Finite elements on lattices with scikit-fem: `cells.solve_cells` for cell problems,
`equation.solve_equation` for boundary and initial value problems.

`system` assembles the latter; `space` holds meshes, bases and periodic axes, `block_forms` makes
matrices and vectors of the forms of systems, `linear_solvers` LU and algebraic multigrid.
"""
