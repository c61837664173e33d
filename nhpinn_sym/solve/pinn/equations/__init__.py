"""Boundary value problems: `strong` and `energy` are the formulations (open `strong.py` first).

boundary_value  : the problem as collocation rows, u = lift + factor * net + known functions
conditions      : its conditions at points; `subdomains`: one net in each box between jumps
null_space      : constants and rotations that a problem leaves open
known_functions : which singular functions corners and edges ask for, beside the net, and regions
initial_layers  : and which the start of a time-dependent problem, where data do not fit together
nonlinear       : nonlinear problems in weak form, `weak_problem`; in time `evolution`
solution        : what a user is handed, and whether data balance, so that there is one
"""
