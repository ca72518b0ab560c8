"""The embedding map: features of images laid out in the plane, a step at a time, and how far it can be trusted."""

from .align import aligned
from .engines import ENGINES
from .features import POOLS, Features, features, features_in, features_of
from .forming import Embedding, Frame
from .grid import Seams, grid, seams
from .honesty import MEANING, NULL_MEANING, Honesty, Stability, honesty, shuffled, stability
from .neighbours import Neighbours, neighbours
from .probe import Probe, probe
from .ranks import ranks
from .run import embedding

__all__ = [
    "ENGINES",
    "MEANING",
    "NULL_MEANING",
    "POOLS",
    "Embedding",
    "Features",
    "Frame",
    "Honesty",
    "Neighbours",
    "Probe",
    "Seams",
    "Stability",
    "aligned",
    "embedding",
    "features",
    "features_in",
    "features_of",
    "grid",
    "honesty",
    "neighbours",
    "probe",
    "ranks",
    "seams",
    "shuffled",
    "stability",
]
