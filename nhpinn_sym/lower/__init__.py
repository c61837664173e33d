"""Derived problems as tables that every backend reads: strong residuals, weak forms, energies.

Open `forms` first: it holds the tables and their conventions. `cells` lowers the cell problems of a
model, `equation` the boundary value problems (homogenized, fine, mean fields with `hierarchy`),
`energy` symmetric ones as minimum problems. `phases` and `kinks` cut cells whose coefficients jump,
`real` splits complex problems into real and imaginary parts, `walls` adds natural conditions.
"""
