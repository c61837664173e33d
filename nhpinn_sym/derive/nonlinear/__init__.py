"""Nonlinear operators of second order: one cell problem is nonlinear, all later ones are linear.

Open `homogenize` first. `state` gathers what stands under each derivative by powers of eps, and
refuses what has no limit of this kind; `checks` samples monotonicity and storage; `linearized` is
the ordinary model of the tangent; `model` holds the result, `steps` writes it; `second_order` says
what correctors of order 2 rest on, `second_steps` writes them.

With u = s + eps N(y; s, xi) + ..., s = u0(x) and xi = grad u0, an equation
    d_t b(y,u) - div( A(x,y,u,grad u) + B(y,u)/eps ) + g(y,u)/eps + G(x,y,u,grad u) = f
has the state problem, periodic in y with <N> = 0,
    -div_y( A(s, xi + grad_y N) + B_s N ) - B_s.xi - div_x B + g(y,s) = 0,
the flux Sigma = <A(s, xi + grad_y N) + B_s N>, the reaction R = <G(s, xi + grad_y N) + g_s N> and
the storage <b(y,s)>; the limit is d_t <b> - div Sigma(u0, grad u0) + R(u0, grad u0) = <f>.
"""
