"""From a picture to the input of a demo network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn


@dataclass(frozen=True)
class Transform:
    """Resize to `size`, scale to 0..1, take off `mean` and divide by `std`, as torchvision's transforms would.

    It is written out because importing torchvision takes longer than loading a demo.
    """

    size: tuple[int, int]  # (height, width)
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, picture: Image.Image | Tensor) -> Tensor:
        """Map a PIL image, or a tensor (C, H, W) of uint8 or of floats in 0..1, to a float tensor (C, *size)."""
        values = self._from_tensor(picture) if isinstance(picture, Tensor) else self._from_image(picture)
        mean, std = (torch.tensor(numbers).view(-1, 1, 1) for numbers in (self.mean, self.std))
        return (values - mean) / std

    def _from_image(self, image: Image.Image) -> Tensor:
        height, width = self.size
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        pixels = np.asarray(image, dtype=np.float32) / 255
        return torch.from_numpy(pixels.reshape(height, width, -1)).movedim(-1, 0).contiguous()

    def _from_tensor(self, values: Tensor) -> Tensor:
        values = values.float() / 255 if values.dtype == torch.uint8 else values.float()
        if values.shape[1:] == self.size:
            return values
        return nn.functional.interpolate(values[None], size=self.size, mode="bilinear", antialias=True)[0]
