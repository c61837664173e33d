"""The baseline of the literature: the classical PINN, and NH-PINN (Leung, Lin, Zhang) for cells.

Plain tanh nets, soft conditions with fixed weights, Adam at a fixed rate. Start with `training`.
"""
