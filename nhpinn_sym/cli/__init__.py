"""The command `nhpinn`: derive, emit, cells, validate, doctor. Open `main` first.

`main` reads arguments, runs one verb of the package and turns errors into exit codes; `files` loads
problem files, `tables` prints solved cells, `doctor` and `probe` say which backends work here.
"""
