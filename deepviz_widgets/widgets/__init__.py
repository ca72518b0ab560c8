"""The widgets: each a view of a method, with nothing computed here."""

from .activation_maps import ActivationMaps
from .kernel_grid import KernelGrid
from .layer_picker import LayerPicker
from .row import row
