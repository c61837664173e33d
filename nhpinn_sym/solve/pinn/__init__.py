"""The PINN backend: cell problems and boundary value problems by tanh nets, whose residuals and
energies are emitted by `emit` and evaluated by the jets of `runtime.nets`.

Where to look first: `methods.py`, the table of formulations, says which class solves what;
`adaptive.py` is the loop that all of them run through. Then one formulation, say
`equations/strong.py` (130 lines).

methods, options    : the door, the table METHODS, checked options
adaptive            : fits of growing size -> estimate -> tolerance -> info
network, fields     : nets as layers, and as cell functions at slow points, in files too
collocation         : emitted linear residuals at points, as numbers; the best last layer of a
                      random net
training, minimize, optimizers, levenberg_marquardt : all weights of a net; a killed training
                      goes on
objective           : loss, gradient and Jacobian, by plain torch or in C++ (`runtime.nets.native`)
energy_functional   : quadratic energies of nets, minimized
distributed         : processes that share the rows
cells/              : smooth coefficients, slow variables, jumps, energies
equations/          : strong form, Ritz energy; known functions beside the net
classical/          : NH-PINN and the classical PINN, the baselines of the literature
export, callables   : programs of torch.export; coefficients given as functions

A new formulation is a class derived from `adaptive.Formulation` with `axes`, `fit` and `values`,
and a row of METHODS; a new optimizer a class with `begin` and `step`, and a row of OPTIMIZERS.
"""
