"""What a diagnosis says: `Finding`, `Diagnosis`, and the numbers that decide, each with where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...words import count

KINDS = (
    "not finite", "untrained", "noisy", "dead", "duplicate", "dominating", "aliasing", "missing mid frequencies",
)
FOUND, NOT_FOUND, TOO_SMALL, NOT_APPLICABLE = "found", "not found", "too small to tell", "not applicable"
_ABOUT_THE_LAYER = ("untrained", "noisy", "aliasing", "missing mid frequencies")
_FAULTY_SHARE = 0.25  # of the kernels, from which on single faults make the layer unhealthy


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for, with its number, whether it was found or not.

    Attributes
    ----------
    kind : str
        "not finite", "untrained", "noisy", "dead", "duplicate", "dominating", "aliasing" or
        "missing mid frequencies".
    status : {"found", "not found", "too small to tell", "not applicable"}
    number, threshold : float
        What was measured, and from where on it counts; NaN where nothing can be measured.
    measure : str
        What `number` is, in words, with its unit.
    source : str
        Where the threshold comes from.
    kernels : tuple of int
        The output channels concerned; empty where the finding is about the layer. A layer that is not noisy may
        still name single noisy kernels.
    says, cause, advice : str
        One careful sentence with the number in it; the usual cause; what to try.
    """

    kind: str
    status: str
    number: float
    threshold: float
    measure: str
    source: str
    kernels: tuple[int, ...]
    says: str
    cause: str
    advice: str


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """The verdict on the kernels of one layer.

    Attributes
    ----------
    layer, headline, summary : str
        The verdict in at most 60 characters, and a line of numbers under it.
    findings : tuple of Finding
        One of each kind, also those not found.
    rms : ndarray (out,)
        RMS of each kernel's weights.
    fine : ndarray (out,)
        Share of power at frequencies above half of Nyquist, 0-1; NaN for dead kernels and those of one weight.
    smoothness : ndarray (out,)
        Correlation of neighbouring weights, -1 to 1; NaN where it cannot be told.
    random_fine : (float, float)
        The central 95 % of `fine` for random kernels of this shape.
    flags : dict of int to tuple of str
        What was found for single kernels.
    """

    layer: str
    headline: str
    summary: str
    findings: tuple[Finding, ...]
    rms: np.ndarray
    fine: np.ndarray
    smoothness: np.ndarray
    random_fine: tuple[float, float]
    flags: dict[int, tuple[str, ...]]

    def __getitem__(self, kind: str) -> Finding:
        """Return the finding of a kind: `diagnosis["noisy"]`."""
        for finding in self.findings:
            if finding.kind == kind:
                return finding
        raise KeyError(f"A diagnosis has no finding {kind!r}; there are {', '.join(KINDS)}.")

    @property
    def found(self) -> tuple[Finding, ...]:
        """What was found."""
        return tuple(finding for finding in self.findings if finding.status == FOUND)

    @property
    def healthy(self) -> bool:
        """Whether the layer as a whole has no fault; single kernels may have some."""
        return not ailments(self.findings, len(self.rms))

    def __repr__(self) -> str:
        return f"Diagnosis({self.layer!r}: {self.headline}. {self.summary})"


def ailments(findings: Sequence[Finding], out: int) -> list[str]:
    """List the faults of the layer as a whole: its own, and those that a quarter of its kernels have."""
    faults = []
    for finding in findings:
        many = finding.kind != "dominating" and len(finding.kernels) >= max(2, _FAULTY_SHARE * out)
        always = finding.kind in (*_ABOUT_THE_LAYER, "not finite")
        if finding.status == FOUND and (always or many):
            faults.append(finding.kind)
    return faults


# ---------------------------------------------------------------- words


def names(kernels: Sequence[int], most: int = 4) -> str:
    """Write kernels as `9`, `9 and 22`, `9, 22, 23, 24 and 7 more`."""
    shown = [str(kernel) for kernel in kernels]
    if len(shown) > most:
        return f"{', '.join(shown[:most])} and {count(len(shown) - most)} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]])) if shown else "none"


def are(kernels: Sequence[int], one: str = "is", several: str = "are") -> str:
    """Choose the verb for kernels."""
    return one if len(kernels) == 1 else several


def in_words(number: int) -> str:
    """Write numbers up to twelve as words."""
    small = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    return small[number] if number < len(small) else count(number)


def short(value: float) -> str:
    """Write a number with two digits that mean something, with a real minus."""
    if not np.isfinite(value):
        return "none"
    size = abs(value)
    digits = ",.0f" if size >= 100 else ".1f" if size >= 10 else ".2f" if size >= 0.095 else ".2g"
    written = "0" if value == 0 else format(value, digits)
    return written.replace("-", "−")


def headline(findings: Sequence[Finding], out: int, flagged: int, told: bool) -> str:
    """Say the verdict in one line."""
    faults, by_kind = ailments(findings, out), {finding.kind: finding for finding in findings}
    first = next((kind for kind in KINDS if kind in faults), None)
    if first == "dead" or ("dead" in faults and first == "untrained"):
        dead = len(by_kind["dead"].kernels)
        return "All kernels are dead" if dead == out else f"{count(dead)} of {count(out)} kernels are dead"
    if first is not None:
        return {
            "not finite": "Holds NaN or infinite weights", "untrained": "Not told from a random start",
            "noisy": "Looks like noise", "duplicate": "Many kernels are the same",
            "aliasing": "Its stride folds fine detail", "missing mid frequencies": "Sees no middle frequencies",
        }[first]
    verdict = "Healthy" if told else "Nothing wrong found"
    if not flagged:
        return verdict
    return f"{verdict}, with {in_words(flagged)} kernel{'' if flagged == 1 else 's'} to look at"
