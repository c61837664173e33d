"""Random problems against oracles that share no code with the package: `python -m tests.campaign
1000`.

A case is a text of Python that poses a random problem to the package and leaves `found` and
`estimate`, beside the values that an
independent oracle gives. Every case is right within ten times its own estimate, refused with a
typed error, or warned of.
"""
