"""The native engine, in C++: `engine` calls it, `library` compiles it. `kernel` writes its text for
given derivatives around `mlp_kernel.cpp` and `simd.hpp`; `tanh_taylor` holds the derivatives of
tanh that it needs.
"""
