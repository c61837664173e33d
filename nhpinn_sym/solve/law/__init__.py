"""The law of a nonlinear model: effective flux, reaction and storage as functions of u0 and its
gradient.

Open `solve_law` first. `law_solution` is what it gives: its verbs, on top of `law_states`, where
states are solved and remembered (`element_levels` by finite elements, `net_levels` by networks,
Fourier grids in `runtime.fourier.law_levels`). `macro_states` reads what a law is asked for,
`linearized_cells` has the coefficients at a solved state, `macro_law` the law at the points of a
macroscopic mesh, reduced from states of `state_sources`; `equations` and `hamilton_jacobi` solve
with it, `law_file` keeps it.
"""
