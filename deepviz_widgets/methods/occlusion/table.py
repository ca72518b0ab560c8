"""The scores of all positions, filled in as they are computed."""

from __future__ import annotations

import numpy as np

KINDS = ("probability", "logit", "margin")


class Table:
    """Rows of raw scores (P, K) with what is often asked of them, (P,) each.

    Attributes
    ----------
    raw : ndarray (P, K) float32
        As the network gives them; NaN where not computed.
    lse, best, second : ndarray (P,) float32
        Log-sum-exp, largest and second largest raw score.
    winner : ndarray (P,) int64
        The class of the largest, -1 where not computed.
    features : dict of str to ndarray (P,) float32
        Summed activation of a layer's strongest map.
    known : ndarray (P,) bool
    """

    def __init__(self, positions: int, classes: int, layers: tuple[str, ...] = ()):
        self.raw = np.full((positions, classes), np.nan, np.float32)
        self.lse, self.best, self.second = (np.full(positions, np.nan, np.float32) for _ in range(3))
        self.winner = np.full(positions, -1)
        self.features = {layer: np.full(positions, np.nan, np.float32) for layer in layers}
        self.known = np.zeros(positions, bool)

    def add(self, rows: np.ndarray, raw: np.ndarray, features: dict[str, np.ndarray]) -> None:
        """Fill in some rows; `known` is set last, so that an interrupt leaves no row half known."""
        self.raw[rows] = raw
        self.winner[rows] = raw.argmax(1)
        two = np.partition(raw, -2, axis=1)[:, -2:] if raw.shape[1] > 1 else np.repeat(raw, 2, 1)
        self.second[rows], self.best[rows] = two.T
        self.lse[rows] = self.best[rows] + np.log(np.exp(raw - two[:, 1:]).sum(1))
        for layer, values in features.items():
            self.features[layer][rows] = values
        self.known[rows] = True

    @property
    def bytes(self) -> int:
        """How much memory the scores take."""
        columns = (self.raw, self.lse, self.best, self.second, self.winner, self.known, *self.features.values())
        return sum(column.nbytes for column in columns)

    def snapshot(self) -> Table:
        """Return the table as it is now; the raw scores are shared, for what is known no longer changes."""
        copy = object.__new__(Table)
        copy.raw = self.raw
        copy.lse, copy.best, copy.second = self.lse.copy(), self.best.copy(), self.second.copy()
        copy.winner, copy.known = self.winner.copy(), self.known.copy()
        copy.features = {layer: values.copy() for layer, values in self.features.items()}
        return copy

    def scores(self, kind: str, scores_are: str, target: int | slice = slice(None)) -> np.ndarray:
        """Return one kind of score of a class, (P,), or of all, (P, K); NaN where not known."""
        check_kind(kind)
        several = isinstance(target, slice)
        wide = (slice(None), None) if several else slice(None)
        raw = np.where(self.known[wide], self.raw[:, target], np.nan)
        if kind == "logit" or (kind == "probability" and scores_are == "probabilities"):
            return raw
        if kind == "probability":
            return np.exp(raw - self.lse[wide]) if scores_are == "logits" else np.exp(raw)
        if self.raw.shape[1] == 1:
            return raw  # there is no other class
        wins = self.winner[wide] == (np.arange(self.raw.shape[1]) if several else target)
        return raw - np.where(wins, self.second[wide], self.best[wide])


def check_kind(kind: str) -> None:
    """Refuse a score that there is not."""
    if kind not in KINDS:
        raise ValueError(f"A score is {', '.join(map(repr, KINDS))}; {kind!r} is none of these.")
