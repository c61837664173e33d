"""Numbers for derived models: cell problems, effective coefficients, boundary value problems.

The verbs are `cells.solve_cells`, `equations.solve_homogenized` and `solve_fine`,
`hierarchy.solve_hierarchy`, `families.solve_family`, `reconstruct.reconstruct`. Each lowers the
model, hands the forms to a backend, has the result judged by the data (`judgement`), and wraps it:
`cell_solution.CellSolution`, or a `solution.Solution`.

Open `cells.py` first: the way from a model to its effective coefficients. Then `solution.py`, what
is asked of every backend, and `backends.py`, the table of them. A backend is a folder: `fourier`,
`fem` (DOLFINx and scikit-fem), `pinn`; none knows another. Models of other kinds have files of
their own: `flow` (`voxel_flow`), `plates`, `double_porosity`, `poroelastic`, and the room `law` for
nonlinear ones. Between the verbs and the backends stand `callable_coefficients` and
`external_fields` (coefficients known as functions), `complex_parts` (complex problems in real
arithmetic), `slow_variables` and `interpolation` (dependence on x), `backend_choice` (which backend
fits the data). `domains` says how a kind of domain is integrated over and looked at. `fields` says
what is asked of a cell function, and how files name it.
"""
