"""Numbers from expressions: enclosures, breaks, panels that resolve them, means.

Open `enclosure` (interval arithmetic over boxes) and `integrate` (means by adaptive quadrature)
first. `breaks` and `level_sets` find where data jump, `panels` and `lines` what resolves them
between jumps, `sweep` points of a cell that is cut by curved interfaces; `search` is branch and
bound. `data` puts parameters in and takes functions without a formula out.
"""
