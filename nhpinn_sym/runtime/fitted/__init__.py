"""Meshes of triangles and tetrahedra, curved, that fit the interfaces of a periodicity cell or the
boundary of a domain.

A mesh is a `CellMesh` or a `DomainMesh` (`cell_mesh`, `domain_mesh`; both are `curved_simplices`),
whoever made it. Open `mesher` first, which makes those of a cell in the plane: `triangulation`
(periodic triangles, bisected where they are too large), `corners` (where interfaces meet or turn),
`interfaces` (nodes moved onto interfaces, triangles cut along them, edges curved), `small_parts`.
`region_mesher` makes those of plane domains, `solid_mesher` those of cells in space, `gmsh_mesher`
and `netgen_mesher` have libraries make them (from `quadrics`, by `kernel_shapes`), `msh_file`
reads files of gmsh (`msh_cells` as cells). `functions` evaluates polynomials on elements, `finder`
finds the element of a point, `elements` is the reference element.
"""
