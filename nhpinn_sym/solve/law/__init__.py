"""The law of a nonlinear model: effective flux, reaction and storage as functions of u0 and its
gradient.

Open `solve_law` first. `law_solution` is what it gives, `macro_states` reads what that is asked
for, `checks` asks what the data need of a grid.
"""
