"""The image parts that the units of a network like best: found in one pass, kept in one file."""

from .crops import with_crops
from .disk import StoreError
from .index import PatchIndex
from .scan import Scan, Step, scan
from .shards import ShardError
from .table import LayerPatches

__all__ = ["LayerPatches", "PatchIndex", "Scan", "ShardError", "Step", "StoreError", "scan", "with_crops"]
