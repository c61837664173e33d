"""What the user wrote: coordinates, equation, domain, conditions, and the errors for what cannot be
read.
"""
