"""Finite elements with DOLFINx, on any number of ranks: `cells.CompiledCells` for cell
problems, `equation.EquationProblem` for boundary and initial value problems.

`system` assembles the latter, `assembly` nonlinear ones; spaces are `space` on lattices,
`fitted_space` on meshes of cells, `region_space` of domains, `broken_space` with jumps; `stokes` is
the cell problem of flow. `linear_solvers` holds those of PETSc; `compat` is the one place that
imports DOLFINx, whose releases differ, and `form_cache` guards what it compiles.
"""
