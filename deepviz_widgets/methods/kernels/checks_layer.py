"""What is looked for in a layer as a whole: noise, a random start, aliasing, a gap in the frequencies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...words import percent
from .checks import Patient
from .findings import FOUND, NOT_APPLICABLE, NOT_FOUND, TOO_SMALL, Finding, are, names, short
from .limits import (
    FEW_IN_THE_MIDDLE,
    FEW_KERNELS,
    FLOOR,
    FOCUS,
    FOLDED,
    HIGH,
    LARGE_STRIDE,
    LOW_CYCLES,
    MANY_AT_THE_ENDS,
    NOISY_SHARE,
    SLOPE,
    SMOOTH,
    TELLING_SIDE,
    UNLIKE_START,
    WAVE,
)
from .measures import Measures, autocorrelation, folded, measure, of_random, of_shuffled
from .startpoint import StartTest, start_test, usual_spread
from .texts import finding

# ---------------------------------------------------------------- noisy


@dataclass(frozen=True, eq=False)
class Noise:
    """Which kernels are noise, by the limits that chance sets."""

    noisy: np.ndarray
    told: int
    smooth: float
    slope: float
    floor: float


def noise_in(found: Measures, weights: np.ndarray) -> Noise:
    """Compare kernels with random ones of their shape and with their own weights, shuffled.

    A kernel is noise if its neighbours are no more alike than by chance, its spectrum neither falls nor has a peak, no
    single wave explains it, and its energy is not at a few places.
    """
    chance = [of_random(min(weights.shape[1], 16), *weights.shape[2:]), of_shuffled(weights)]
    upper = max(SMOOTH, *(float(np.nanquantile(c.smoothness, 0.975)) for c in chance))
    slope = min(SLOPE, *(float(np.nanquantile(c.slope, 0.025)) for c in chance))
    floor = FLOOR * float(np.nanmedian(chance[1].floor))
    with np.errstate(invalid="ignore"):
        noisy = (found.smoothness <= upper) & (found.slope >= slope)
        noisy &= (found.floor >= floor) & (found.wave < WAVE) & (found.focus < FOCUS)
    return Noise(noisy, int(np.isfinite(found.smoothness).sum()), upper, slope, floor)


def noisy(patient: Patient, found: Measures) -> Finding:
    """Look for kernels without any structure, and whether they are so many that the layer is noise."""
    no = _why_not_told(patient, found)
    if no:
        return finding("noisy", NOT_APPLICABLE, np.nan, no)
    smooth = float(np.nanmedian(found.smoothness))
    h, w = patient.kernels.size
    if min(h, w) < TELLING_SIDE:
        return finding(
            "noisy", TOO_SMALL, smooth,
            f"Kernels of {h} × {w} are too small to tell learned from random; neighbouring weights correlate by "
            f"{short(smooth)}.",
            threshold=SMOOTH, measure="median correlation of neighbouring weights, -1 to 1",
        )
    judged = noise_in(found, patient.living())
    share = float(judged.noisy.sum()) / judged.told
    named = tuple(int(k) for k in np.flatnonzero(patient.alive)[judged.noisy])
    few = judged.told < FEW_KERNELS and share < 0.5
    status = NOT_FOUND if share < NOISY_SHARE else TOO_SMALL if few else FOUND
    return finding("noisy", status, share, _noise_words(named, judged, smooth, status), named)


def _why_not_told(patient: Patient, found: Measures) -> str:
    kernels = patient.kernels
    if min(kernels.size) < 2:
        return f"Kernels of {kernels.size[0]} × {kernels.size[1]} have no neighbouring weights to compare."
    if kernels.kind == "Linear" and kernels.reads != "image":
        return "A linear layer may weigh neighbouring places of a map as it likes, so its smoothness tells nothing."
    if not np.isfinite(found.smoothness).any():
        return f"0 of {patient.out} kernels are alive and vary, so none can be told from noise."
    return ""


def _noise_words(named: tuple[int, ...], judged: Noise, smooth: float, status: str) -> str:
    beside = f"neighbouring weights correlate by {short(smooth)} at the median"
    if not named:
        return f"None of {judged.told} kernels looks like noise: {beside}."
    share = percent(len(named) / judged.told)
    if status == FOUND:
        return f"{len(named)} of {judged.told} kernels ({share}) are consistent with noise: {beside}."
    but = "too few to tell of the layer" if status == TOO_SMALL else "a layer that is noise has 20 % or more"
    look = are(named, "looks", "look")
    return f"{names(named)} {look} like noise, as if hardly learned: {share} of the kernels; {but}."


# ---------------------------------------------------------------- untrained


def untrained(patient: Patient) -> Finding:
    """Ask whether the weights could be shuffled over the whole layer and nobody would notice."""
    living = patient.living()
    tested = start_test(living) if len(living) else None
    if tested is None:
        says = f"{living.size:,} weights that are alive are too few, or too equal, to tell from a random start."
        return finding("untrained", TOO_SMALL, np.nan, says)
    found = tested.most < UNLIKE_START
    return finding("untrained", FOUND if found else NOT_FOUND, tested.most, _start_words(tested, found, living))


def _start_words(tested: StartTest, found: bool, living: np.ndarray) -> str:
    spread = f"their spread is {short(usual_spread(living))} × that of PyTorch's start"
    if not found:
        name, most = tested.strongest
        return f"The weights are no random start: {name} {short(most)} standard deviations from chance; {spread}."
    if tested.shuffled:
        told = f"four statistics stay within {short(max(tested.most, 0))} standard deviations, p = {tested.chance:.2f}"
    else:
        told = f"four statistics stay within {short(max(tested.most, 0))} standard deviations of their limits"
    return f"The weights cannot be told from shuffled ones, consistent with a random start: {told}; {spread}."


# ---------------------------------------------------------------- aliasing


def aliasing(patient: Patient) -> Finding:
    """Measure how much of what the kernels answer to is finer than the grid of their answers can hold."""
    stride, size = patient.kernels.stride, patient.kernels.size
    step = max(stride)
    if patient.kernels.transposed or patient.kernels.reads != "image":
        says = "Only layers that read the image are judged by their stride."
        return finding("aliasing", NOT_APPLICABLE, np.nan, says)
    if step == 1 or not patient.alive.any():
        return finding("aliasing", NOT_APPLICABLE, np.nan, f"A stride of {step} folds 0 % of a kernel's power.")
    share = float(np.median(folded(autocorrelation(patient.living()), stride)))
    says = f"At a stride of {step}, {percent(share)} of the kernels' power is finer than the grid of answers can hold"
    if stride[0] >= size[0] and stride[1] >= size[1]:
        return finding("aliasing", NOT_APPLICABLE, share, f"{says}, as it must be for patches that do not overlap.")
    large = step >= LARGE_STRIDE or 2 * step > max(size) + 1
    if share <= FOLDED or not large:
        usual = ", which is usual at this stride" if share > FOLDED else ""
        return finding("aliasing", NOT_FOUND, share, f"{says}{usual}.")
    return finding("aliasing", FOUND, share, f"{says}: consistent with aliasing.")


# ---------------------------------------------------------------- missing mid frequencies


def missing_mid(patient: Patient, found: Measures) -> Finding:
    """Count the kernels whose spectrum peaks at low, middle and high frequencies."""
    kind, side = "missing mid frequencies", min(patient.kernels.size)
    peaks = found.peak[np.isfinite(found.peak)]
    if patient.kernels.reads != "image" or side < 2 or not len(peaks):
        says = "Only living kernels of more than one weight, which read the image, have a place among its frequencies."
        return finding(kind, NOT_APPLICABLE, np.nan, says)
    low = float((peaks < LOW_CYCLES / max(patient.kernels.size)).mean())
    high = float((peaks >= HIGH).mean())
    middle = max(0.0, 1 - low - high)
    says = (
        f"{percent(middle)} of {len(peaks)} kernels peak at middle frequencies, {percent(low)} below and "
        f"{percent(high)} above"
    )
    if side < TELLING_SIDE or len(peaks) < FEW_KERNELS:
        small = f"{side} × {side} is too small" if side < TELLING_SIDE else f"{len(peaks)} kernels are too few"
        return finding(kind, TOO_SMALL, middle, f"{says}, but {small} to tell.")
    gap = middle <= FEW_IN_THE_MIDDLE and min(low, high) >= MANY_AT_THE_ENDS
    return finding(kind, FOUND if gap else NOT_FOUND, middle, f"{says}.")


def measured(patient: Patient) -> Measures:
    """Measure the kernels that are alive."""
    return measure(patient.living())
