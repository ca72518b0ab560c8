"""Learned kernels: reading them, ordering them, what they answer, and a verdict on their health."""

from .checkpoints import Checkpoints
from .diagnosis import Diagnosis, Finding, diagnose, diagnose_all
from .histogram import WeightSpread, default_bound, weight_spread
from .order import ORDERS, ordered
from .read import Kernels, layers_with_kernels, learned_kernels
from .response import Response, respond, why_none
from .views import SIDES, View, face_of, shrunk, view

__all__ = [
    "ORDERS",
    "SIDES",
    "Checkpoints",
    "Diagnosis",
    "Finding",
    "Kernels",
    "Response",
    "View",
    "WeightSpread",
    "default_bound",
    "diagnose",
    "diagnose_all",
    "face_of",
    "layers_with_kernels",
    "learned_kernels",
    "ordered",
    "respond",
    "shrunk",
    "view",
    "weight_spread",
    "why_none",
]
