"""Augmentation: random crops and flips of a batch, in tensor operations on the batch's own
device."""

import torch
from torch import Tensor
from torch.nn.functional import pad

PADDING = 4
"""The pixels of black on every side of an image from which crops are cut, as is usual for CIFAR (He
et al., CVPR 2016, section 4.2)."""


def augmented(images: Tensor, seed: int) -> Tensor:
    """The images of a batch (n, channels, height, width), each shifted by up to 4 pixels and
    mirrored with probability 1/2.

    The changes follow from the seed alone, on every device.
    """
    generator = torch.Generator().manual_seed(seed)
    count, _, height, width = images.shape
    shifts = torch.randint(2 * PADDING + 1, (2, count, 1), generator=generator).to(images.device)
    mirrored = torch.randint(2, (count, 1), generator=generator).to(images.device)
    rows = shifts[0] + torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device)
    columns = shifts[1] + torch.where(mirrored == 1, width - 1 - columns, columns)
    padded = pad(images, (PADDING, PADDING, PADDING, PADDING))
    each = torch.arange(count, device=images.device)[:, None, None]
    # One gather for crop and flip; indices on both sides of the channels put these last.
    return padded[each, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()
