"""Tanh nets and the derivatives that PDEs ask of them, in torch.

`jets` is the arithmetic of derivatives (read it first); `inputs` what a net is given for a point,
`networks` the nets; `derivatives` differentiates given functions; `native/` is the text of a C++
engine for training, compiled by the package.
"""
