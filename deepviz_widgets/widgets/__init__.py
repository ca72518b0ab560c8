"""The widgets: each a view of a method, with nothing computed here."""

from .activation_maps import ActivationMaps
from .class_scores import ClassScores
from .confusion_matrix import ConfusionMatrix
from .embedding_map import EmbeddingMap
from .explorer import Explorer
from .kernel_grid import KernelGrid
from .layer_picker import LayerPicker
from .occlusion_map import OcclusionMap
from .row import row
from .separating_units import SeparatingUnits
from .sketchpad import Sketchpad
from .top_patches import TopPatches
from .unit_switches import UnitSwitches
from .webcam import Webcam
