"""Scans of parts of a set, merged in any way, are the scan of the whole: to the last row."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from patches_scans import assert_alike, network, pictures

from deepviz_widgets.methods.patches import PatchIndex, scan

COUNT = 18
HOW = {"layers": ["0", "4.relu", "7"], "k": 4, "batch_size": 4}


@pytest.fixture(scope="module")
def net():
    return network()


@pytest.fixture(scope="module")
def images():
    return pictures(COUNT)


@pytest.fixture(scope="module")
def single(net, images):
    """One index of each image alone, for both orders."""
    return {
        order: [scan(net, images[[at]], ids=[at], order=order, per_image=2, **HOW).finish() for at in range(COUNT)]
        for order in ("max", "min")
    }


@pytest.mark.parametrize("how", [{}, {"order": "min", "per_image": 3}, {"order": "relevance"}])
def test_two_halves_are_the_whole(net, images, how):
    whole = scan(net, images, **HOW, **how).finish()
    for cut in (1, 5, 8, 17):
        halves = [scan(net, images[:cut], **HOW, **how).finish(),
                  scan(net, images[cut:], ids=range(cut, COUNT), **HOW, **how).finish()]
        assert_alike(PatchIndex.merge(*halves), whole, exact=False)
        assert_alike(PatchIndex.merge(*halves[::-1]), whole, exact=False)
        assert PatchIndex.merge(*halves).total == COUNT and PatchIndex.merge(*halves).complete


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_merging_is_associative_and_free_of_order(net, images, single, data):
    order = data.draw(st.sampled_from(["max", "min"]))
    parts = [single[order][at] for at in data.draw(st.permutations(range(COUNT)))]
    while len(parts) > 1:
        at = data.draw(st.integers(0, len(parts) - 2))
        parts[at : at + 2] = [PatchIndex.merge(parts[at], parts[at + 1])]
    whole = scan(net, images, order=order, per_image=2, **HOW).finish()
    assert_alike(parts[0], whole, exact=False)


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(COUNT)))
def test_the_order_of_the_images_changes_nothing(net, images, order):
    whole = scan(net, images, per_image=2, **HOW).finish()
    assert_alike(scan(net, images[order], ids=order, per_image=2, **HOW).finish(), whole, exact=False)


def test_scans_that_do_not_go_together_are_refused(net, images):
    one = scan(net, images[:6], "0", k=3).finish()

    def other(of=net, **how):
        return scan(of, images[6:9], **{"layers": "0", "k": 3, "ids": range(6, 9)} | how).finish()

    for wrong, words in ((other(k=4), "the same k can be merged; here it is 3 and 4"),
                         (other(order="min"), "the same order"),
                         (other(layers="7"), "only one of these has '0/units' and '7/units'"),
                         (other(ids=range(5, 8)), "Image 5 was seen by both"),
                         (replace(other(), about={"weights": "sha256:0"}), "the weights of these two differ")):
        with pytest.raises(ValueError, match=words):
            PatchIndex.merge(one, wrong)
    assert PatchIndex.merge(one, other()).seen == ((0, 9),)


def test_a_table_of_another_layer_is_asked_for_by_name(net, images):
    index = scan(net, images, "all", k=2).finish()
    assert index["4.conv1"].key == ("4.conv1", "units") and index["4.conv1", "units"] is index["4.conv1"]
    with pytest.raises(KeyError, match="did you mean '4.conv2'"):
        index["4.conv3"]
    with pytest.raises(KeyError, match="No basis at layer '0' 'PCA'"):
        index["0", "PCA"]


def test_the_index_as_a_table_has_a_row_per_patch_and_the_columns_of_its_file(net, images, tmp_path):
    index = scan(net, images[:3], ["0", "7"], k=4).finish()
    frame = index.to_frame()
    assert len(frame) == (8 + 5) * 3 and set(frame["label"]) == {0, 1, 2}
    row = frame.iloc[4]
    assert (row["channel"], row["rank"]) == (1, 1) and row["value"] == index["0"].values[1, 1]
    assert row["top"] == index["0"].boxes[1, 1, 0] and row["name"] == index.names[row["image"]]
    index.save(tmp_path / "patches.parquet")
    kept = pd.read_parquet(tmp_path / "patches.parquet").drop(columns="jpeg")
    whole = kept[kept["image"].notna()].reset_index(drop=True)
    pd.testing.assert_frame_equal(frame, whole.astype({"image": "int64"}), check_dtype=False)
    assert len(kept) == (8 + 5) * 4 and not len(PatchIndex({}, k=3).to_frame())
