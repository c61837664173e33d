"""Tanh nets and the derivatives that PDEs ask of them, in torch.

`jets` is the arithmetic of derivatives (read it first); `inputs` what a net is given for a point,
`networks` the nets, `least_squares` and `fits` their last layers (`cell_fits`, `equation_fits` and
`energy_fits` for emitted problems); `derivatives` differentiates given functions;
`function_families` and `corners` are functions with their derivatives that a smooth net cannot
represent; `native/` is a C++ engine for training.
"""
