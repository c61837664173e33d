"""The command `nhpinn`: derive, emit, cells, validate, study, doctor, new, completion. Open `main`
first.

`options` holds the commands and their options; `main` reads arguments, runs one verb of the package
and turns errors into exit codes; `files` loads problem files, `tables` prints solved cells,
`doctor` and `probe` say which backends work here.
"""
