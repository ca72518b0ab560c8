"""Occlusion: what a network says when a patch of the image is hidden."""

from .curves import Curves, curves
from .fills import FILLS, filled, fills_of
from .plan import Forecast, forecast
from .positions import Lattice, lattice, usual_side
from .run import Occlusion, occlusion
from .stability import Band, stability
from .sweep import Sweep
from .table import KINDS

__all__ = [
    "FILLS",
    "KINDS",
    "Band",
    "Curves",
    "Forecast",
    "Lattice",
    "Occlusion",
    "Sweep",
    "curves",
    "filled",
    "fills_of",
    "forecast",
    "lattice",
    "occlusion",
    "stability",
    "usual_side",
]
