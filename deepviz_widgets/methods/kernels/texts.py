"""For each fault that is looked for: what its number is, where its threshold comes from, its cause, what to try."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from . import limits
from .findings import Finding

_ABOUT = {
    "not finite": Finding(
        "not finite", "", np.nan, 1.0,
        measure="kernels with a NaN or infinite weight",
        source="one such weight spoils every answer of its kernel",
        kernels=(), says="",
        cause="Consistent with a learning rate that was too high, or a loss that overflowed or was divided by 0.",
        advice="Load an earlier checkpoint, lower the learning rate, clip the gradients, and look for the first NaN.",
    ),
    "untrained": Finding(
        "untrained", "", np.nan, limits.UNLIKE_START,
        measure=(
            "standard deviations from shuffled weights, the most of four statistics: largest singular value, "
            "likeness of neighbours, spread of energies, cancelling of kernels"
        ),
        source=(
            "4.5 standard deviations of what shuffling all weights gives, as at an independent start any order of"
            " them is equally likely; beyond 10,000 weights the limit of Marchenko and Pastur for the singular "
            "value (as Martin and Mahoney 2021 use it)"
        ),
        kernels=(), says="",
        cause="Consistent with a layer that was hardly trained, frozen, reset, or left out of the optimiser.",
        advice="Check that its parameters are in the optimiser and get gradients, and that the checkpoint fits.",
    ),
    "noisy": Finding(
        "noisy", "", np.nan, limits.NOISY_SHARE,
        measure="share of the living kernels without structure: rough, with a flat spectrum without a peak",
        source=(
            "one kernel in five: of 20 first layers of the demos, those of healthy pictures have at most 0.09, those "
            "that learned a sensor's pattern 0.62 or more; a kernel counts if its neighbouring weights correlate by "
            "less than 0.3 (or than 97.5 % of random or shuffled ones), its log power falls by less than 1 a log "
            "frequency (or than 97.5 % of these), its spectrum is more than 0.45 × as flat as shuffled ones, and no "
            "single wave explains 0.75 of it"
        ),
        kernels=(), says="",
        cause=(
            "Consistent with too little training or weight decay, or with pictures whose classes differ by the "
            "pattern of a sensor, which was learned in place of the objects."
        ),
        advice="Train longer or decay the weights more; test on another camera's pictures, and train with added noise.",
    ),
    "dead": Finding(
        "dead", "", np.nan, 1.0,
        measure="kernels that answer nothing",
        source=(
            "RMS below 1 % of the layer's upper quartile, or a norm below 0.001, which BatchNorm's usual eps of "
            "0.00001 drowns; or, in a network, a unit that wakes only 4 standard deviations above its mean (by "
            "the running statistics of the batch normalisation before its ReLU), or on none of the images given"
        ),
        kernels=(), says="",
        cause=(
            "Consistent with a learning rate that was too high: a unit that never wakes gets no gradient, and "
            "weight decay lets its weights fade."
        ),
        advice="Lower the learning rate or warm it up, and train anew; or take these channels out, as they do nothing.",
    ),
    "duplicate": Finding(
        "duplicate", "", np.nan, limits.ALIKE,
        measure="largest cosine between two kernels that read the same channels (opposite ones do not count)",
        source=(
            "0.99, or more where 1 in 1,000 layers of random kernels of this shape would reach it by chance; "
            "healthy demo networks stay below"
        ),
        kernels=(), says="",
        cause="Consistent with more kernels than the task asks for, copied channels, or equal starting weights.",
        advice="Use fewer kernels, start from random weights, or merge the two and add up what reads them.",
    ),
    "dominating": Finding(
        "dominating", "", np.nan, limits.DOMINANT_RMS,
        measure="largest RMS of a kernel's weights",
        source=(
            "0.1 (Zeiler and Fergus 2014, section 3), and 5 × the median of the layer, as one kernel can only "
            "dominate others; of 14 healthy first layers of the demos one passes both"
        ),
        kernels=(), says="",
        cause="Consistent with a learning rate that is too high for the first layer, or inputs that are not centred.",
        advice="Scale kernels back to an RMS of 0.1 as they pass it, as Zeiler and Fergus did, or decay the weights.",
    ),
    "aliasing": Finding(
        "aliasing", "", np.nan, limits.FOLDED,
        measure="median share of a kernel's power above the Nyquist frequency of its own output grid",
        source=(
            "half of the power, at strides from 4 on (Zeiler and Fergus 2014, section 4.1, saw aliasing at 4 and "
            "went to 2) or beyond half of the kernel; random kernels have 0.94 at stride 4 and 0.75 at 2"
        ),
        kernels=(), says="",
        cause="Consistent with a stride too large for kernels this fine: fine stripes come back as coarse ones.",
        advice="Use a stride of 2 and smaller kernels (Zeiler and Fergus: 4 to 2, and 11 to 7), or blur before it.",
    ),
    "missing mid frequencies": Finding(
        "missing mid frequencies", "", np.nan, limits.FEW_IN_THE_MIDDLE,
        measure="share of kernels whose spectrum peaks at middle frequencies",
        source=(
            "at most 0.1 between 0.75 cycles a kernel and 0.35 cycles a pixel, with 0.2 or more on either side; "
            "Zeiler and Fergus (2014, section 4.1) name the fault without a number, this one is ours: healthy "
            "demo networks have no kernel above 0.35"
        ),
        kernels=(), says="",
        cause="Consistent with a first layer whose kernels or stride are too large, or with noise beside colour blobs.",
        advice="Use smaller kernels and a smaller stride in the first layer (Zeiler and Fergus: 11 to 7, and 4 to 2).",
    ),
}


def finding(kind: str, status: str, number: float, says: str, kernels: tuple[int, ...] = (), **changes: Any) -> Finding:
    """Make the finding of a kind, with what is always said of it."""
    return replace(_ABOUT[kind], status=status, number=float(number), says=says, kernels=kernels, **changes)
