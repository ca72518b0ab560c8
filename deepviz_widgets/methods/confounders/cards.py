"""What the hunt found: cards, each with its examples, its numbers and its counter-tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .patches import Patch

LEAST_RAISE = 0.15  # of the probability, beyond that of control patches, at the lower end of the interval
LEAST_BLIND_RAISE = 0.45  # the same where no mask tells parts of the object, which raise it too
LEAST_DROP = 0.10  # of the probability when it is covered, likewise
LEAST_SHARE = 0.2  # of a class's images that must show it
LEAST_OUTSIDE = 0.4  # of its area must lie outside the object, where masks tell: a mark may lie on the object


@dataclass(frozen=True)
class Effect:
    """A mean with the 95 % interval of its bootstrap, and of how many images.

    Attributes
    ----------
    mean, low, high : float
    number : int
    """

    mean: float
    low: float
    high: float
    number: int

    def __str__(self) -> str:
        return f"{self.mean:+.2f} ({self.low:+.2f} to {self.high:+.2f}, {self.number} images)".replace("-", "−")


@dataclass(frozen=True, eq=False)
class Card:
    """A thing that recurs among the decisive patches of a class.

    Attributes
    ----------
    target : int
        The class that leans on it.
    class_name : str
    examples : tuple of Patch
        The patches, the one nearest to the middle of the cluster first.
    share : float
        Of the class's searched images that show it, 0-1.
    drop : float
        Mean drop of the probability in the search.
    outside : float
        Mean share of its area outside the object, NaN where there are no masks.
    place : (float, float)
        Mean row and column of its centre, 0-1.
    scatter : float
        Standard deviation of its centre over the images, in sides of the image.
    paste : Effect
        Raise of the class's probability when it is pasted onto images of other classes, beyond control patches.
    flips : float
        Share of these that then become the class.
    cover : Effect
        Drop of the probability when it is covered where it stands, with a fill that the search did not use.
    """

    target: int
    class_name: str
    examples: tuple[Patch, ...]
    share: float
    drop: float
    outside: float
    place: tuple[float, float]
    scatter: float
    paste: Effect
    flips: float
    cover: Effect

    @property
    def number(self) -> float:
        """The evidence by which cards are ranked, 0-1: what pasting raises, if covering lowers and it recurs."""
        foreign = 1.0 if np.isnan(self.outside) else self.outside
        both = max(self.paste.mean, 0.0) * max(self.cover.mean, 0.0)
        return float(np.sqrt(both) * min(1.0, self.share / 0.5) * foreign)

    @property
    def alarm(self) -> bool:
        """Whether all that speaks for a confounder holds: it recurs, is enough alone, is needed, is no object part.

        Without masks nobody can tell a part of the object, so pasting must raise the class more.
        """
        blind = np.isnan(self.outside)
        return bool((blind or self.outside >= LEAST_OUTSIDE) and self.share >= LEAST_SHARE
                    and self.paste.low >= (LEAST_BLIND_RAISE if blind else LEAST_RAISE)
                    and self.cover.low >= LEAST_DROP)

    def __repr__(self) -> str:
        return f"Card({self}{'; an alarm' if self.alarm else ''})"

    def __str__(self) -> str:
        where = "" if np.isnan(self.outside) else f", {self.outside:.0%} of it outside the object"
        return (
            f"{self.class_name}: in {self.share:.0%} of the images{where}; pasted onto others {self.paste}, "
            f"{self.flips:.0%} of them become {self.class_name}; covered −{self.cover.mean:.2f}"
        )


@dataclass(frozen=True, eq=False)
class Hunt:
    """The hunt so far.

    Attributes
    ----------
    cards : tuple of Card
        Of the classes searched so far, the strongest evidence first.
    done, total : int
        Images searched and clusters tested, and how many of both there are.
    skipped : int
        Images that could not be read.
    """

    cards: tuple[Card, ...]
    done: int
    total: int
    skipped: int = 0

    def __repr__(self) -> str:
        return f"Hunt({self.done} of {self.total}; {self.headline})"

    @property
    def alarms(self) -> tuple[Card, ...]:
        """The cards that look like confounders."""
        return tuple(card for card in self.cards if card.alarm)

    @property
    def headline(self) -> str:
        """The verdict in one sentence."""
        if not self.cards:
            return "Nothing is known yet." if self.done < self.total else "No patch is decisive for any class."
        first = self.cards[0]
        if not self.alarms:
            return f"No confounder found; the nearest is a patch of {first.class_name} that raises it by {first.paste}."
        return f"{self.alarms[0].class_name} leans on something else: {self.alarms[0]}."
