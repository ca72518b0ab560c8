"""The visualization methods, without any widget: each takes a network and images and gives arrays."""

from . import kernels, occlusion
from .activations import Activations, ChannelStatistics, activations, survey
from .kernels import Diagnosis, Kernels, diagnose, learned_kernels
from .receptive_field import (
    EffectiveField,
    ReceptiveField,
    effective_receptive_field,
    effective_receptive_fields,
    receptive_field,
    receptive_fields,
)
