"""The pages that are made when the documentation is built: of the examples, the reference, errors
and verdicts. Mathematics, messages and conventions come from the package itself, numbers from
`docs/results`. `site.write_pages` writes all of them to `docs/generated`.
"""
