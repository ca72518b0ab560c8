"""Live, linked notebook widgets that show what a deep network for images has learned and what it sees."""

from . import demo, methods
from .capture import capture
from .images import ImageSet
from .layers import Layer, Layout
from .network import Network, NetworkError, Scores
from .pictures import ImageError, Picture, as_picture
from .widgets import (
    ActivationMaps,
    ClassScores,
    ConfusionMatrix,
    EmbeddingMap,
    Explorer,
    KernelGrid,
    LayerPicker,
    OcclusionMap,
    SeparatingUnits,
    Sketchpad,
    TopPatches,
    UnitSwitches,
    Webcam,
    row,
)

__version__ = "0.1.0"
__all__ = [
    "ActivationMaps",
    "ClassScores",
    "ConfusionMatrix",
    "EmbeddingMap",
    "Explorer",
    "ImageError",
    "ImageSet",
    "KernelGrid",
    "Layer",
    "LayerPicker",
    "Layout",
    "Network",
    "NetworkError",
    "OcclusionMap",
    "Picture",
    "Scores",
    "SeparatingUnits",
    "Sketchpad",
    "TopPatches",
    "UnitSwitches",
    "Webcam",
    "as_picture",
    "capture",
    "demo",
    "methods",
    "row",
]
