"""Finite elements on lattices with DOLFINx, on any number of ranks: `cells.CompiledCells` for cell
problems, `equation.EquationProblem` for boundary and initial value problems.

`system` assembles the latter; `space` holds meshes, function spaces and periodic axes,
`linear_solvers` those of PETSc; `compat` is the one place that imports DOLFINx, whose releases
differ, and `form_cache` guards what it compiles.
"""
