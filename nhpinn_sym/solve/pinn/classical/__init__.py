"""The baseline of the literature: the classical PINN, and NH-PINN (Leung, Lin, Zhang) for cells.

Plain tanh nets, soft conditions with fixed weights, Adam at a fixed rate for so many epochs: no
sizes are compared, so that both are `adaptive.NetProblem`s without the loop of `Formulation`.

cells, equation : the two problems (open `equation.py` first)
losses          : terms of the loss, nets side by side, uniform grids
training        : options, and Adam with its history, which goes on after it was killed
"""
