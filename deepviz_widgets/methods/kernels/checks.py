"""What is looked for in single kernels: weights that are not finite, dead, duplicate and dominating kernels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .findings import FOUND, NOT_APPLICABLE, NOT_FOUND, TOO_SMALL, Finding, are, names, short
from .limits import ALIKE, DEAD_NORM, DEAD_SHARE, DOMINANT_RMS, DOMINANT_TIMES
from .measures import rms, unit
from .read import Kernels
from .texts import finding

_FAR = 1e-3  # how many pairs of random kernels would be so much alike by chance
_SKETCH = 64


@dataclass(frozen=True, eq=False)
class Patient:
    """The kernels of a layer, ready to be examined.

    weights: (out, in, h, w) float32, zeros where they are not finite.
    sound: kernels whose weights are all finite; alive: those of them that are not dead by their weights.
    asleep: kernel -> why its unit cannot answer although it has weights.
    normalised: whether a batch normalisation follows at once.
    """

    kernels: Kernels
    weights: np.ndarray
    rms: np.ndarray
    sound: np.ndarray
    alive: np.ndarray
    asleep: dict[int, str] = field(default_factory=dict)
    watched: int = 0
    normalised: bool = False

    @property
    def out(self) -> int:
        """How many kernels."""
        return len(self.weights)

    def living(self) -> np.ndarray:
        """Return the weights of the kernels that are alive."""
        return self.weights if self.alive.all() else self.weights[self.alive]


def admit(kernels: Kernels) -> Patient:
    """Find what is finite and what is alive."""
    weights = kernels.weights
    with np.errstate(over="ignore", invalid="ignore"):
        sound = np.isfinite(weights.reshape(len(weights), -1).sum(1, dtype=np.float64))
    if not sound.all():
        weights = np.where(sound[:, None, None, None], weights, np.float32(0))
    size = rms(weights)
    limit = max(DEAD_SHARE * _usual(size[sound]), DEAD_NORM / weights[0].size ** 0.5)
    return Patient(kernels, weights, np.where(sound, size, np.nan), sound, sound & (size >= limit))


def _usual(size: np.ndarray) -> float:
    """Return the RMS of a kernel that does its work, also where half of the layer is dead."""
    return float(np.quantile(size, 0.75)) if len(size) else 0.0


# ---------------------------------------------------------------- not finite


def not_finite(patient: Patient) -> Finding:
    """Look for NaN and infinite weights."""
    bad = _tuple(~patient.sound)
    if not bad:
        return finding("not finite", NOT_FOUND, 0, f"All weights of the {patient.out} kernels are finite.")
    values = int(np.count_nonzero(~np.isfinite(patient.kernels.weights)))
    weights = "1 weight is" if values == 1 else f"{values:,} weights are"
    says = f"{weights} NaN or infinite, in {len(bad)} of {patient.out} kernels: these spoil whatever they read."
    return finding("not finite", FOUND, len(bad), says, bad)


# ---------------------------------------------------------------- dead


def dead(patient: Patient) -> Finding:
    """Look for kernels that answer nothing: without weights, or whose unit cannot wake."""
    faint = _tuple(patient.sound & ~patient.alive)
    asleep = tuple(sorted(set(patient.asleep) - set(faint)))
    said = [_faint(patient, faint)] if faint else []
    for why in dict.fromkeys(patient.asleep[kernel] for kernel in asleep):
        group = [kernel for kernel in asleep if patient.asleep[kernel] == why]
        said.append(f"{names(group)} {are(group, 'has', 'have')} weights, but {why}")
    everyone = tuple(sorted(faint + asleep))
    watched = f", judged by the weights and by {patient.watched} images" if patient.watched else ""
    changes: dict[str, Any] = {"measure": f"kernels that answer nothing{watched}"}
    if not everyone:
        return finding("dead", NOT_FOUND, 0, _none_dead(patient), **changes)
    if len(faint) == patient.out:
        changes["advice"] = "Train this layer again from a new start, with a lower learning rate and a warm-up."
    if not asleep and float(patient.rms[list(faint)].max()) == 0:
        changes["cause"] = "Consistent with pruning, or with a start at zero that nothing has changed."
    return finding("dead", FOUND, len(everyone), f"{'; '.join(said)}.", everyone, **changes)


def _faint(patient: Patient, faint: tuple[int, ...]) -> str:
    largest = float(patient.rms[list(faint)].max())
    if largest == 0:
        return f"{names(faint)} {are(faint)} dead: all weights are exactly 0"
    usual = float(np.median(patient.rms[patient.alive])) if patient.alive.any() else 0
    beside = f", beside {short(usual)} of the others" if usual else ""
    return f"{names(faint)} {are(faint)} dead: RMS {'' if len(faint) == 1 else 'at most '}{short(largest)}{beside}"


def _none_dead(patient: Patient) -> str:
    if not patient.sound.any():
        return "No kernel has finite weights, so 0 of them can be called dead."
    low, usual = np.nanmin(patient.rms), np.nanmedian(patient.rms)
    return f"No kernel is dead: the faintest has an RMS of {short(low)}, the median is {short(usual)}."


# ---------------------------------------------------------------- duplicate


def duplicate(patient: Patient) -> Finding:
    """Look for kernels that are the same but for their size."""
    living = patient.living()
    fan = living[0].size if len(living) else 0
    if len(living) < 2 or fan < 4:
        few = f"{len(living)} living kernels" if len(living) < 2 else f"kernels of {fan} weights"
        return finding("duplicate", NOT_APPLICABLE, np.nan, f"Likeness means nothing for {few}, so none was measured.")
    limit = max(ALIKE, chance_cosine(fan, patient.out * (patient.out / patient.kernels.groups - 1) / 2))
    pairs, most = alike(patient, limit)
    if not np.isfinite(most):
        says = f"Each of the {patient.out} kernels reads channels of its own, so no two can be the same."
        return finding("duplicate", NOT_APPLICABLE, most, says, threshold=limit)
    if not pairs:
        says = f"No two kernels are the same: the most alike have a cosine of {most:.3f}."
        return finding("duplicate", NOT_FOUND, most, says, threshold=limit)
    some = " and ".join(f"{a} is nearly {b}" for a, b in pairs[:2])
    more = f", and so on in {len(pairs)} pairs" if len(pairs) > 2 else ""
    concerned = tuple(sorted({kernel for pair in pairs for kernel in pair}))
    return finding("duplicate", FOUND, most, f"{some}{more}: cosine {most:.3f}.", concerned, threshold=limit)


def chance_cosine(fan: int, pairs: float) -> float:
    """Return the cosine that not one in 1,000 layers of random kernels has between any two of so many pairs."""
    from scipy.special import betaincinv  # noqa: PLC0415  slow to import, needed here only

    share = min(2 * _FAR / max(pairs, 1.0), 1.0)
    return float(np.sqrt(1 - betaincinv((fan - 1) / 2, 0.5, share)))


def alike(patient: Patient, limit: float) -> tuple[list[tuple[int, int]], float]:
    """Return the pairs above a cosine, the most alike first, and the largest cosine.

    Large layers are screened in a random sketch of 64 dimensions; what may pass is compared exactly, and so is the
    pair that is most alike in the sketch.
    """
    rows = np.flatnonzero(patient.alive)
    flat = unit(patient.living()).reshape(len(rows), -1)
    team = rows // max(1, patient.out // patient.kernels.groups)
    sketch, slack = flat, 0.0
    if flat.shape[1] > 4 * _SKETCH and len(rows) > 64:
        sketch = flat @ np.random.default_rng(3).standard_normal((flat.shape[1], _SKETCH), dtype=np.float32)
        sketch /= np.linalg.norm(sketch, axis=1, keepdims=True)
        slack = 0.1
    first, second, rough = _candidates(sketch, team, limit - slack)
    if not len(first):
        return [], float("nan")
    cosine = np.einsum("ij,ij->i", flat[first], flat[second]) if slack else rough
    order = [place for place in np.argsort(-cosine) if cosine[place] >= limit]
    return [(int(rows[first[k]]), int(rows[second[k]])) for k in order], min(float(cosine.max()), 1.0)


def _candidates(flat: np.ndarray, team: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of rows with a cosine above the limit, at least the largest one, and at most 4,096 of them."""
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    best: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
    several = len(np.unique(team)) > 1
    for start in range(0, len(flat), 256):
        cosine = flat[start : start + 256] @ flat[start:].T
        cosine[:, : len(cosine)][np.tri(len(cosine), dtype=bool)] = -2  # each pair once
        if several:
            cosine[team[start : start + 256, None] != team[None, start:]] = -2
        top = int(cosine.argmax())
        y, x = divmod(top, cosine.shape[1])
        if cosine[y, x] > -2 and (best is None or cosine[y, x] > best[2][0]):
            best = (np.array([y + start]), np.array([x + start]), cosine[[y], [x]])
        if cosine[y, x] >= limit:
            rows, columns = np.nonzero(cosine >= limit)
            found.append((rows + start, columns + start, cosine[rows, columns]))
    if not found:
        return best if best is not None else (np.empty(0, int), np.empty(0, int), np.empty(0))
    first, second, rough = (np.concatenate(parts) for parts in zip(*found, strict=True))
    keep = np.argsort(-rough)[:4096]
    return first[keep], second[keep], rough[keep]


# ---------------------------------------------------------------- dominating


def dominating(patient: Patient) -> Finding:
    """Look for kernels so large that they drown the others."""
    size = patient.rms[patient.alive]
    if len(size) < 3:
        most = float(size.max()) if len(size) else np.nan
        says = f"{len(size)} living kernels are too few for one to dominate; the largest RMS is {short(most)}."
        return finding("dominating", TOO_SMALL, most, says)
    most, usual = float(size.max()), float(np.median(size))
    limit = max(DOMINANT_RMS, DOMINANT_TIMES * usual)
    over = _tuple(patient.alive & (patient.rms > limit))
    times = f"{short(most / usual)} × the median"
    if not over:
        above = int((size > DOMINANT_RMS).sum())
        says = f"No kernel dominates: {above} of {len(size)} pass an RMS of 0.1, the largest is {short(most)}, {times}."
        return finding("dominating", NOT_FOUND, most, says, threshold=limit)
    after = "; the batch normalisation that follows divides this out" if patient.normalised else ""
    says = f"{names(over)} {are(over, 'dominates', 'dominate')}: RMS up to {short(most)}, {times}{after}."
    return finding("dominating", FOUND, most, says, over, threshold=limit)


def _tuple(mask: np.ndarray) -> tuple[int, ...]:
    return tuple(int(index) for index in np.flatnonzero(mask))

