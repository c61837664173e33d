"""Boundary value problems.

boundary_value.py : u = lift + factor * net + known functions, as rows; what is left open
strong.py         : the residual at collocation points (open this first)
energy.py         : the Ritz energy
fredholm.py       : whether data balance where a mean is open
solution.py       : the `NetworkSolution` that both give
"""
