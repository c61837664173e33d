"""Finite elements with scikit-fem: `cells.solve_cells` for cell problems,
`equation.solve_equation` for boundary and initial value problems.

`system` assembles the latter, `assembly` nonlinear ones; `block_forms` makes matrices and vectors
of the forms of systems, `linear_solvers` holds LU and algebraic multigrid. Spaces: `space` on
lattices, `fitted_space` on meshes of cells, `region_space` of domains, `broken_space` with jumps,
`hermite_space` for equations of fourth order. `stokes` and `blocks` are the cell problems of flow
and of double porosity.
"""
