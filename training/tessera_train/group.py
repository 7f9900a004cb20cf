"""The processes of a run (torchrun), and the device of each."""

import os

import torch
from torch import distributed


def pick_device(name: str) -> torch.device:
    """"auto" is this process's GPU (LOCAL_RANK), or the CPU where there is none."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


class Group:
    """The processes of a run; one alone where torchrun did not start it."""

    def __init__(self, device: torch.device):
        self.device = device
        self.rank, self.size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        if self.size > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")

    def gather(self, values: torch.Tensor) -> torch.Tensor:
        """Interleave the equally long values of all processes."""
        if self.size == 1:
            return values
        parts = [torch.empty_like(values) for _ in range(self.size)]
        distributed.all_gather(parts, values.contiguous())
        return torch.stack(parts, dim=1).flatten()

    def agree(self, value: float) -> float:
        """The first process's value."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        distributed.broadcast(shared, 0)
        return float(shared)

    def any(self, flag: bool) -> bool:
        """Whether any process says so."""
        if self.size == 1:
            return flag
        shared = torch.tensor([int(flag)], device=self.device)
        distributed.all_reduce(shared, distributed.ReduceOp.MAX)
        return bool(shared)

    def barrier(self):
        if self.size > 1:
            distributed.barrier()

    def close(self):
        if self.size > 1 and distributed.is_initialized():
            distributed.destroy_process_group()
