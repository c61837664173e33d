"""The native engine: `kernel.kernel` writes the C++ text for given derivatives around
`mlp_kernel.cpp` and `simd.hpp`; `tanh_taylor` holds the derivatives of tanh that it needs.
"""
