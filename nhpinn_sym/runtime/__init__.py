"""The numerical library behind emitted text: arrays, grids, meshes, spaces, nets, and what solves
on them.

It knows no SymPy, no problem and no model, and imports nothing of the package but itself, so that a
copy of it stands beside emitted files that are used without the package. A module of emitted text
is given to its functions as `forms`: constants, tables and functions under the names that their
docstrings say.

- `arrays`: the types that modules hand each other
- `tensor_grids`: tensor products of lines, composite Gauss rules
- `quadrature`: points and weights in a domain, and on the named parts of its boundary
- `mesh`: what solvers ask of a mesh, and of a function on one, whatever its elements
- `levels`: the one judge of meshes, grids and nets of growing size
- `lattice`, `lagrange_grid`: box meshes, and the piecewise polynomials on them; numpy alone
- `fitted/`: meshes of triangles and tetrahedra that fit interfaces and boundaries; numpy alone
- `cell_solve`: in which order cell problems are solved, with any finite element library
- `newton`, `nonlinear_equation`: nonlinear problems on any `assembly`
- `element_states`, `feature_states`: nonlinear cells by finite elements and by nets; `reduced_law`,
  with `reduced_basis` and `second_corrector`: their law from a few modes
- `monotone_scheme`, `inverted_hamiltonian`: Hamilton-Jacobi equations
- `rigid_modes`, `time_stepping`: what a singular operator does not see; an SDIRK method
- `model_checks`: what emitted tests ask of effective coefficients
- `fourier/`: collocation on periodic grids; open `refinement` first
- `fem_skfem/`, `fem_dolfinx/`: the two finite element libraries; open `cells` and `equation` first
- `voxel/`: images, without a matrix; open `cells` first
- `nets/`: tanh nets and their derivatives in torch; open `jets` first
"""
