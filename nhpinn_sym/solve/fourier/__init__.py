"""The Fourier backend: `cells` runs the emitted numpy text on periodic grids, all slow points at
once. The numerics are in `runtime.fourier`.
"""
