"""Meshes of a periodicity cell whose triangles fit curved interfaces, in two dimensions.

`mesher` makes them: `triangulation` (periodic triangles, bisected where they are too large),
`corners` (where interfaces meet or turn), `interfaces` (nodes moved onto interfaces, triangles cut
along them, edges curved). A mesh is a `CellMesh` of arrays, whoever made it; `functions` evaluates
polynomials on its elements.
"""
