"""scikit-learn's 1,797 handwritten digits (UCI, E. Alpaydin and C. Kaynak), enlarged from 8 × 8 to 32 × 32."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .borrowed import scikit_learn_file

CLASSES = tuple("0123456789")
PIXELS = 32


def read_digits() -> tuple[np.ndarray, np.ndarray]:
    """Return (pixels (1797, 32, 32) uint8, white on black; labels (1797,) int64), in scikit-learn's order."""
    rows = np.loadtxt(scikit_learn_file("data", "digits.csv.gz"), delimiter=",", dtype=np.int64)
    images, labels = rows[:, :-1].reshape(-1, 8, 8), rows[:, -1]
    return np.stack([_enlarged(image) for image in images]), labels


def _enlarged(image: np.ndarray) -> np.ndarray:
    small = Image.fromarray((image * (255 / 16)).astype(np.float32))  # the values of the 8 × 8 images are 0..16
    large = np.asarray(small.resize((PIXELS, PIXELS), Image.Resampling.BICUBIC))
    return np.clip(large + 0.5, 0, 255).astype(np.uint8)


def split_rows(labels: np.ndarray, split: str) -> np.ndarray:
    """Return the indices of a split: 'train', 'test' (a fifth of each class, always the same) or 'all'."""
    if split == "all":
        return np.arange(len(labels))
    if split not in ("train", "test"):
        raise ValueError(f"split={split!r} is not known; it may be 'all', 'train', 'test'.")
    rng, held = np.random.default_rng(17), np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        held[rng.permutation(rows)[: round(len(rows) / 5)]] = True
    return np.flatnonzero(held if split == "test" else ~held)
