"""Sphinx: `sphinx-build -W docs out/docs`."""

project = "nhpinn_sym"
author = "nhpinn_sym developers"
extensions = ["myst_parser"]
myst_heading_anchors = 2
myst_enable_extensions = ["dollarmath"]
