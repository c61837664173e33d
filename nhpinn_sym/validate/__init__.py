"""Cross-validation: error norms, budget, verdict, plots and oracles.

Open `validate.validate` first, the verb `nhpinn_sym.validate`: its docstring lists the stages.
`supported` says what can be compared, `stored_parts` keeps the parts of a run on disk, `quadrature`
is the common one for all norms, `evidence` gathers what is independent of the solvers, `verdict`
decides, `report` and `plots` show. `bloch.bloch` (with `bloch_wave`) is an oracle that is exact at
every eps.
"""
