"""Products of matrices: the same by every way, and the detour only where it can pay."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from deepviz_widgets.methods.incremental import multiply


@torch.no_grad()
@pytest.mark.parametrize("way", [F.linear, multiply._by_convolution, multiply._pointwise, None])
def test_every_way_gives_the_product(monkeypatch, way):
    if way is not None:
        monkeypatch.setattr(multiply, "fastest", lambda *_: way)
    for shape, outputs in (((70, 32), 8), ((5, 20, 16), 12), ((9, 2048), 2100), ((1, 16), 4)):
        x, weight, bias = torch.randn(shape), torch.randn(outputs, shape[-1]), torch.randn(outputs)
        for offset in (bias, None):
            found = multiply.linear(x, weight, offset)
            wanted = F.linear(x.double(), weight.double(), offset if offset is None else offset.double())
            assert found.shape == (*shape[:-1], outputs)
            assert (found - wanted).abs().max() <= 1e-5 * wanted.abs().max()


@torch.no_grad()
@pytest.mark.parametrize(("rows", "outputs", "kind", "asked"), [
    (7, 2100, torch.float32, False), (8, 2100, torch.float32, True), (8, 100, torch.float32, False),
    (64, 100, torch.float32, True), (64, 2100, torch.float64, False),
])
def test_a_way_is_chosen_where_there_are_rows_enough_for_the_weights(monkeypatch, rows, outputs, kind, asked):
    seen = []
    monkeypatch.setattr(multiply, "fastest", lambda *size: seen.append(size) or F.linear)
    multiply.linear(torch.zeros(rows, 2048, dtype=kind), torch.zeros(outputs, 2048, dtype=kind), None)
    assert seen == ([(torch.get_num_threads(), outputs > 2000)] if asked else [])


def test_a_way_that_is_wrong_or_missing_is_not_taken(monkeypatch):
    def missing(*_given):
        raise AttributeError

    monkeypatch.setattr(multiply, "_pointwise", missing)
    monkeypatch.setattr(multiply, "_by_convolution", lambda x, weight, _bias: x[:, :1].expand(-1, len(weight)))
    multiply.fastest.cache_clear()
    assert multiply.fastest(torch.get_num_threads()) is F.linear
    multiply.fastest.cache_clear()
