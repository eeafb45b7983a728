"""Random generators for (purpose, seed, epoch), so that a resumed job draws the numbers of an uninterrupted one."""

import hashlib

import torch


def make_generator(purpose: str, seed: int, epoch: int = 0, device: torch.device | str = "cpu") -> torch.Generator:
    # Hashed: torch's CPU generator heeds only the low 32 bits of its seed, so (epoch << 32) + seed would be seed.
    digest = hashlib.sha256(f"{purpose} {seed} {epoch}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:4], "little"))
