"""Tanh nets and the derivatives that PDEs ask of them, in torch.

`jets` propagates derivatives of any order through a net (read it first); `kinks` and `poles` are
inputs for coefficients that jump; `derivatives` differentiates given functions; `native/` is the
text of a C++ engine for training, compiled by the package.
"""
