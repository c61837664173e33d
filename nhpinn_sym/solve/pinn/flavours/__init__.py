"""How the residual of rows, its gradient and its Jacobian are computed: the same numbers by
different programs.
"""
