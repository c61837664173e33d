"""Cell problems on the voxels of an image: Q1 elements with one value of each coefficient, applied
without a matrix, and conjugate gradients preconditioned by FFT.

Read `cells` first; `elements` has the integrals, `operator` the solver, `dual` bounds from fluxes,
`corners` and `percolation` what is known of the geometry. `flow` solves Stokes' equations on
staggered grids.
"""
