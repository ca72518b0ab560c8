"""The visualization methods, without any widget: each takes a network and images and gives arrays."""

from .activations import Activations, ChannelStatistics, activations, survey
from .receptive_field import (
    EffectiveField,
    ReceptiveField,
    effective_receptive_field,
    receptive_field,
    receptive_fields,
)
