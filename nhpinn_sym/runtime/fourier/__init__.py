"""Fourier collocation for cell problems, with numpy and scipy.fft.

`refinement.solve_cells` solves on grids that grow (read it first); `cells` is one grid,
`block_operator` a differential operator there and its singular equations, `krylov` the iterations
for many of them at once, `grid` the transforms.
"""
