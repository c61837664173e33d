"""What the user wrote: coordinates, equation, domain, conditions, and the errors for what cannot be
read.

Open `problem` (`MultiscaleProblem`) and `scales` (`Scales`: x, y = x/eps, and the vector calculus
on them) first. `conditions`, `domain` (boxes), `regions` and `mesh_domain` (others), `shapes`,
`images`, `random_media`, `holes` and `contacts` are the other things that a user makes;
`user_input` checks what is handed in; `errors` holds every error and warning of the package.
"""
