"""`diagnose`: whether the kernels of a layer look healthy, and why, in numbers and words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from ...network import Network
from ...words import count
from .checks import Patient, admit, dead, dominating, duplicate, not_finite
from .checks_layer import aliasing, measured, missing_mid, noisy, untrained
from .checks_units import asleep
from .findings import KINDS, Diagnosis, Finding, headline, short
from .measures import random_fine
from .read import Kernels, layers_with_kernels, learned_kernels

_OF_SINGLE_KERNELS = ("not finite", "noisy", "dead", "duplicate", "dominating")


def diagnose(source: Any, layer: Any = None, *, images: Any = None) -> Diagnosis:
    """Look for the known faults of learned kernels, each with its number and its threshold.

    Parameters
    ----------
    source, layer
        As for `learned_kernels`: a network and one of its layers, a layer, or weights (out, in, h, w). With a
        network, the batch normalisation and the ReLU that follow are taken into account.
    images : ImageSet, or whatever it takes, optional
        With a network: units that no place of any of up to 64 of these wakes are dead.

    Returns
    -------
    Diagnosis

    Raises
    ------
    ValueError
        As `learned_kernels`, or where images are given without a network.

    References
    ----------
    M. Zeiler and R. Fergus, *Visualizing and Understanding Convolutional Networks*, 2014, sections 3 and 4.1.
    C. Martin and M. Mahoney, *Implicit Self-Regularization in Deep Neural Networks*, 2021.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> dv.methods.kernels.diagnose(net, "conv1").headline
    'Healthy'
    """
    kernels = learned_kernels(source, layer)
    if isinstance(source, Network):
        return _verdict(_with_network(admit(kernels), source, images))
    if images is not None:
        raise ValueError("To watch units on images a network is needed: diagnose(net, layer, images=images).")
    return _verdict(admit(kernels))


def diagnose_all(net: Network) -> dict[str, Diagnosis]:
    """Diagnose every convolution of a network, in call order.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> list(diagnose_all(net))
    ['conv1', 'conv2', 'conv3']
    """
    names = (layer.name for layer in layers_with_kernels(net))
    return {name: diagnose(net, name) for name in names if isinstance(net.module(name), nn.modules.conv._ConvNd)}


def _with_network(patient: Patient, net: Network, images: Any) -> Patient:
    """Add what the network tells: which units are shut by what follows, or silent on the images."""
    if not patient.sound.all():
        return patient  # NaN would spread to all that follows
    units, watched, normalised = asleep(net, patient.kernels, images)
    return replace(patient, asleep=units, watched=watched, normalised=normalised)


def _verdict(patient: Patient) -> Diagnosis:
    found = measured(patient)
    findings = (
        not_finite(patient), untrained(patient), noisy(patient, found), dead(patient), duplicate(patient),
        dominating(patient), aliasing(patient), missing_mid(patient, found),
    )
    flags = _flags(findings)
    by_kind = {finding.kind: finding for finding in findings}
    told = by_kind["noisy"].status in ("found", "not found")
    kernels: Kernels = patient.kernels
    return Diagnosis(
        kernels.layer, headline(findings, patient.out, len(flags), told), _summary(patient, by_kind, found.smoothness),
        findings, patient.rms, _spread(patient, found.fine), _spread(patient, found.smoothness),
        random_fine(*kernels.weights.shape[1:]), flags,
    )


def _flags(findings: tuple[Finding, ...]) -> dict[int, tuple[str, ...]]:
    flags: dict[int, list[str]] = {}
    for kind in KINDS:
        for finding in findings:
            if finding.kind == kind and kind in _OF_SINGLE_KERNELS:
                for kernel in finding.kernels:
                    flags.setdefault(kernel, []).append(kind)
    return {kernel: tuple(flags[kernel]) for kernel in sorted(flags)}


def _spread(patient: Patient, values: np.ndarray) -> np.ndarray:
    """Put the numbers of living kernels at their places, NaN at the others."""
    found = np.full(patient.out, np.nan, dtype=np.float32)
    found[patient.alive] = values
    return found


def _summary(patient: Patient, findings: dict[str, Finding], smoothness: np.ndarray) -> str:
    """Write one line of numbers."""
    out, noise = count(patient.out), findings["noisy"]
    if not patient.alive.any():
        return f"None of the {out} kernels has finite weights that differ from 0."
    if noise.status in ("found", "not found"):
        smooth = int(np.isfinite(smoothness).sum()) - len(noise.kernels)
        return f"{count(smooth)} of {out} kernels have more structure than shuffled weights."
    tested = findings["untrained"]
    if np.isfinite(tested.number):
        apart = f"{short(max(tested.number, 0))} standard deviations from shuffled weights"
        small = "" if noise.status == "not applicable" else "; too small to tell noise"
        return f"{out} kernels, {apart}{small}."
    return f"{out} kernels, too few weights to tell them from a random start."
