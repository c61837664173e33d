"""Known functions beside a net, where data are singular.

select.py         : which faces, edges and starts ask for some (open this first)
corners.py        : r^lambda phi(theta) at corners and edges, of systems too
initial_layers.py : layers at t = 0 where data do not fit together
functions.py      : families of functions with their derivatives
"""
