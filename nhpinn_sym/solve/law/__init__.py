"""The law of a nonlinear model: effective flux, reaction and storage as functions of u0 and its
gradient.

Open `solve_law` first. `law_solution` is what it gives: its verbs, on top of `law_states`, where
states are solved and remembered, tried first at `tried_states`: `element_levels` by finite
elements, `net_levels` by networks, Fourier grids in `runtime.fourier.law_levels`, `inverted_law` by
roots; `cell_frame` turns those of a lattice. `macro_states` reads what a law is asked for,
`linearized_cells` has the coefficients at a solved state, `state_cells` its cells,
`strain_branches` and `stability` are about finite strain.

`macro_law` is the law at the points of a macroscopic mesh, reduced from states of `state_sources`;
`equations` and `hamilton_jacobi` solve with it. Expansions: `reconstruct` to the first order,
`mean_fields` with `second_law` to the second, `original_unknown` after a change of unknown.
`law_file` keeps a law.
"""
