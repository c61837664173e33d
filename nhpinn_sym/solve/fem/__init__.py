"""The finite element backends: they run emitted forms on meshes that fit the data, and refine them;
and `voxel`, on images.

Open `skfem` or `dolfinx` first, one file for each library; both go through `refine` (cells) and
`refine_equation`: levels, estimates, when to stop. `nonlinear` solves nonlinear equations. `layout`
(`meshes_of` a domain), `fitted_layout` (cells), `region_layout` (plane regions) and `levels` choose
meshes from what `resolution` knows, `options` checks what users ask for, `cost` refuses what does
not fit into memory, `data_error` measures what a mesh misses of the data, `grid_functions` holds
the fields that come out. The numerics are in `runtime.fem_skfem` and `runtime.fem_dolfinx`.
"""
