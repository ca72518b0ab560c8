"""The visualization methods, without any widget: each takes a network and images and gives arrays."""

from . import embedding, kernels, patches
from .activations import Activations, ChannelStatistics, activations, survey
from .confounders import Card, Hunt, find_confounders
from .confusion import Confusion, confusion
from .kernels import Diagnosis, Kernels, diagnose, learned_kernels
from .live import Glance, glance
from .occlusion import Sweep, curves, forecast, occlusion, stability
from .patches import PatchIndex, scan
from .patches.coherence import Coherence, coherence
from .patches.directions import Directions
from .receptive_field import (
    EffectiveField,
    ReceptiveField,
    effective_receptive_field,
    effective_receptive_fields,
    receptive_field,
    receptive_fields,
)
from .separation import Separation, separation
from .training import Look, Watch
