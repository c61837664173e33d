"""Training as in the NH-PINN paper (Leung, Lin, Zhang): plain inputs, soft conditions with fixed
weights, Adam at a fixed rate.
"""
