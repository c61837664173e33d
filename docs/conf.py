"""Sphinx: `bash docs/build.sh` makes the pages in out/docs."""

import sys
from pathlib import Path

from nhpinn_sym.validate import budget_verdict

sys.path.insert(0, str(Path(__file__).parent))

project = "nhpinn_sym"
author = "nhpinn_sym developers"
copyright = author
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "numpydoc",
    "sphinx_design",
    "sphinx_copybutton",
    "_make.site",
]
exclude_patterns = ["packaging", "results", "generated/*.md"]
nitpicky = False

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "dollarmath", "substitution"]
myst_substitutions = {
    "periods": f"{budget_verdict.FEWEST_PERIODS:g}",
    "share": f"{budget_verdict._SHARE:g}",
    "hidden": f"{budget_verdict.HIDDEN:g}",
}
nb_execution_mode = "auto"
nb_execution_timeout = 120
nb_execution_raise_on_error = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "nhpinn_sym"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
