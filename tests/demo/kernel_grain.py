"""How grainy kernels are: two numbers that tell learned from noisy first layers."""

import numpy as np


def high_frequency_share(kernels, bins=16):
    """Mean share of a kernel's power at frequencies above half of Nyquist; kernels (N, C, k, k)."""
    power = (np.abs(np.fft.fft2(kernels, s=(bins, bins))) ** 2).sum(axis=1)
    frequency = np.abs(np.fft.fftfreq(bins))
    high = np.maximum(frequency[:, None], frequency[None, :]) > 0.25
    return float((power[:, high].sum(axis=1) / power.sum(axis=(1, 2))).mean())


def neighbour_correlation(kernels):
    """Mean correlation of weights that lie side by side, after each plane's mean is taken off."""
    centred = kernels - kernels.mean(axis=(2, 3), keepdims=True)
    return float(np.mean([_correlation(kernel) for kernel in centred]))


def _correlation(kernel):
    first = np.concatenate([kernel[:, :, :-1].ravel(), kernel[:, :-1].ravel()])
    second = np.concatenate([kernel[:, :, 1:].ravel(), kernel[:, 1:].ravel()])
    return (first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum())
