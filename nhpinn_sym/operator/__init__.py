"""The intermediate representation: a linear operator as a table of terms.

A term (equation, left, c, field, right, k) means eps^k D^left( c D^right u_field ). Open `table`
first, then `parse`, which makes it from a SymPy equation, `normal_form` (divergence form) and
`twoscale` (the chain rule D_x -> D_x + eps^-1 D_y). `zero_test`, `constant_conditions` and
`singular` answer questions about coefficients; `numbers/` and `sampling` get numbers from them.
"""
