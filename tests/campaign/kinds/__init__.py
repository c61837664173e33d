"""The kinds of random problems; importing the package registers them."""

from . import boundary_plane as boundary_plane
from . import boundary_value as boundary_value
from . import fast_time as fast_time
from . import large_terms as large_terms
from . import natural as natural
from . import nonlinear as nonlinear
from . import scalar_cells as scalar_cells
from . import slow_cells as slow_cells
from . import systems as systems
from . import transient as transient
