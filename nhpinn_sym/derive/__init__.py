"""Two-scale homogenization: from a problem to its cell problems, effective law and limit equation.

Open `homogenize` first: its docstring lists the stages, one call each. What comes out is
`model.HomogenizedModel`.

- the recursion: `recursion` on the expanded term table, with the dicts of `products`, the numbered
  `coefficients`, and derivatives of cell functions by a slow time, `parameter_slopes`
- before it: `coefficient_checks` (with `boundedness`) and `ellipticity` refuse what cannot be
  solved at any eps, `diagnose` what has no expansion; `transform` takes out a ground state or a
  mean drift; `reiterated` and `fast_time` (`slow_time`, `time_averages` with `time_means`,
  `time_algebra` and `trigonometric`) average over faster scales
- after it: `effective_law` with `effective_terms`, `coefficient_names` and `capacity` makes
  effective coefficients, `hierarchy` the mean fields, `walls` what natural conditions become
- models of their own: `plates`, `porous` (flow), `poroelastic`, `double_porosity`, `contacts`, and
  `nonlinear/`
- how it reads: `to_sympy` (integer dicts to SymPy), `notation`, `prose`, `steps`, `derivation`

Everything is exact and symbolic; no numerical library beyond what decides whether an expression is
zero or positive.
"""
