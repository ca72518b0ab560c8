"""The image parts that the units of a network like best: found in one pass, kept in one file."""

from .index import PatchIndex
from .scan import Scan, Step, scan
from .table import LayerPatches

__all__ = ["LayerPatches", "PatchIndex", "Scan", "Step", "scan"]
