"""Confounders: what a network leans on besides the objects."""

from .cards import Card, Effect, Hunt
from .hunt import find_confounders
from .patches import Patch

__all__ = ["Card", "Effect", "Hunt", "Patch", "find_confounders"]
