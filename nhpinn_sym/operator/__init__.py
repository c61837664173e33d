"""The intermediate representation: a linear operator as a table of terms, and its two-scale
expansion.
"""
