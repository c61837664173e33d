"""Source text from lowered forms: torch, DOLFINx (UFL), scikit-fem, numpy, LaTeX. Text only: the
mathematics of one problem, which imports its numerics from `nhpinn_sym.runtime`.

Open `emit.emit` first, the verb `nhpinn_sym.emit`, then the module of one target:

- torch: `torch_equation` (residuals; `torch_cells`, `torch_phases`, `torch_coefficients`),
         `torch_energy` and `torch_ritz` (minimum problems), with `torch_printer` and `torch_text`
- DOLFINx: `ufl_forms` (`ufl_cells`), with `ufl_printer` and `ufl_text`
- scikit-fem: `skfem_forms` (`skfem_cells`), with `skfem_text`; `fem_scope` is what both FEM targets
  take, `integrands` what all of them write
- numpy: `fourier_forms`, with `numpy_printer`; what printers share is in `scalar_printer`
- DeepXDE, PINA: `deepxde_scripts`, `pina_scripts`, with `script_forms` and `script_text`
- tests of one model: `model_tests`
- nonlinear models: `nonlinear_targets`, with `nonlinear_languages`, `nonlinear_text` and
  `nonlinear_scripts`

`source.Source` holds the files, imports them as modules, and saves them as a folder that stands
alone (`standalone`, with the `mains` that run it).
"""
