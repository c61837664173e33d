"""The devices of torch, asked for by name."""

from __future__ import annotations

from ..problem.errors import BackendMissingError, ProblemError, shortened


def require_device(name: object) -> None:
    """ProblemError for what is no device that computes with doubles, BackendMissingError for one
    that is not there, or where torch is not.
    """
    remedy = 'use device="cpu" or "cuda"'
    try:
        import torch
    except ImportError as cause:
        raise BackendMissingError(
            "a device is one of torch, which is not there",
            term=f"device={shortened(name)}",
            remedy="pip install torch, or leave device= out",
        ) from cause
    try:
        device = torch.device(name)  # type: ignore[call-overload]
    except (RuntimeError, TypeError, ValueError) as cause:
        raise ProblemError(
            "torch knows no such device", term=shortened(name), remedy=remedy
        ) from cause
    if device.type not in ("cpu", "cuda"):
        raise ProblemError("nothing here runs on this device", term=shortened(name), remedy=remedy)
    if device.type == "cuda" and not (device.index or 0) < torch.cuda.device_count():
        raise BackendMissingError(
            "this torch sees no such CUDA device", term=name, remedy='use device="cpu"'
        )
