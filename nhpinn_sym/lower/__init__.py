"""Derived problems as tables that every backend reads: strong residuals, weak forms, energies.

Open `forms` first: it holds the tables and their conventions. `cells` lowers the cell problems of a
model, `equation` the boundary value problems (homogenized, fine, mean fields with `hierarchy`),
`boundary_value` their forms and conditions, `energy` symmetric ones as minimum problems.
`nonlinear` lowers state problems, `plates` plates, `lattice_cells` cells that are no boxes.
`phases` cuts cells whose coefficients jump (`level_functions` has the functions that vanish at the
interfaces), `coefficient_maps` changes the coefficients of cells, `real_imaginary` splits complex
problems, `walls` adds natural conditions.
"""
