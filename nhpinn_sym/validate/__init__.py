"""Cross-validation: error norms, budget, verdict, plots and oracles.

Open `validate.validate` first, the verb `nhpinn_sym.validate`: its docstring lists the stages of
the boundary value problem. `validate_cells` compares cells and checks the expansion, of any class
(`cell_comparison`, with `cell_checks` for what judges them without a solver), `plain` compares the
solutions of a PDE without fast variables, `nonlinear_run` those of nonlinear problems, with their
laws (`law_comparison`); `study` looks at rates. `settings` holds what was asked for, `supported`
says which boundary value problems can be compared, `stored_parts` keeps the parts of a run on disk
(`solution_parts`, those of solutions, `expanded_solution`, what cells make of them), which a
`second_process` computes beside the first one (`shared_parts`: each once), `quadrature`
is the common one for all norms, `evidence` gathers what is independent of the solvers, `verdict`
decides (`budget_verdict` from the errors of boundary value problems), `report` and `plots` show
(`picture_files` prints pictures beside the rest). `bloch.bloch` (with `bloch_wave` and
`bloch_expansion`) is an oracle that is exact at every eps.
"""
