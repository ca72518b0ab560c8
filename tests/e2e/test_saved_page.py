"""The exported page: one file, no kernel, no network, and what was computed stays explorable."""

from __future__ import annotations

import re

import everything
import lab as jupyter
import pytest
from playwright.sync_api import expect

import deepviz_widgets as dv

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def saved(browser, tmp_path_factory):
    net, photos = dv.demo.photos()
    maps = dv.ActivationMaps(net, photos, layer="block")
    maps.wait()
    path = maps.to_html(tmp_path_factory.mktemp("page") / "maps.html")
    context = browser.new_context(viewport={"width": 900, "height": 1200}, offline=True)
    page = context.new_page()
    page.requests = []
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto(path.as_uri())
    yield page
    context.close()


def drawn(page, seen, seconds=15):
    """Wait until something is seen; pictures are decoded and drawn when the browser comes to it."""
    for _ in range(seconds * 10):
        if seen():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it was not drawn")


def test_it_draws_everything_without_any_request(saved):
    maps = saved.locator(".dvw")
    expect(maps).to_contain_text("Saved page")
    tiles = maps.locator(".dvw-grid canvas")
    drawn(saved, lambda: jupyter.distinct_colours(tiles) > 100)
    assert all(url.startswith(("file:", "blob:")) for url in saved.requests)


def test_another_channel_can_be_enlarged(saved):
    large = saved.locator(".am-pic canvas").nth(1)
    before = jupyter.pixels(large)
    tiles = saved.locator(".dvw-grid canvas")
    box = tiles.bounding_box()
    tiles.click(position={"x": box["width"] * 0.32, "y": 20})
    expect(saved.locator(".dvw")).to_contain_text("Channel 2")
    assert jupyter.repainted(large, before)


def test_what_needs_a_kernel_is_disabled_and_says_why(saved):
    select = saved.get_by_role("combobox", name="Layer")
    expect(select).to_be_disabled()


@pytest.fixture(scope="module")
def whole(browser, everywhere):
    page = everything.opened(browser, everywhere)
    yield page
    page.context.close()


def of(page, widget):
    return page.locator(f".dvw[aria-label='{everything.LABELS[widget]}']").first


def test_every_widget_is_drawn_with_the_network_cut(whole):
    assert whole.locator(".dvw").count() == everything.COUNT
    assert {url.partition(":")[0] for url in whole.asked} <= {"file", "blob"} and whole.problems == []
    for widget in everything.LABELS:
        assert not of(whole, widget).locator(".dvw-note").count(), f"{widget} shows an error"
        assert "Saved page" in of(whole, widget).inner_text() or widget == "LayerPicker"


def test_a_class_that_is_a_piece_of_html_is_shown_as_that_text(whole):
    assert "owned" not in whole.title().removeprefix(f"Everything {everything.EVIL}")
    assert whole.title() == f"Everything {everything.EVIL}" and whole.locator("img[src=x]").count() == 0
    assert everything.EVIL in whole.locator("h1").inner_text()
    assert everything.EVIL in of(whole, "OcclusionMap").inner_text()
    assert whole.locator("figure.dvw-chart text").filter(has_text="</script><img").count() == 1
    assert whole.locator("script").count() == 3, "the page's own three"


def test_the_occluder_can_be_dragged(whole):
    found = of(whole, "OcclusionMap")
    picture = found.locator("[role=application]").first
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    said = set()
    for share in (0.3, 0.5, 0.7):
        whole.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] * 0.5)
        whole.wait_for_timeout(250)
        said.add(found.locator(".dvw-cap").inner_text())
    assert len(said) == 3 and all("Hiding" in text for text in said)


def test_the_map_can_be_zoomed(whole):
    found = of(whole, "EmbeddingMap")
    picture = found.locator("[role=application]").first
    picture.focus()
    before = found.evaluate(everything.STATE)
    picture.press("+")
    whole.wait_for_timeout(900)
    assert found.evaluate(everything.STATE) != before


def test_patches_and_kernels_can_be_chosen(whole):
    board = of(whole, "TopPatches")
    board.get_by_role("gridcell").nth(6).click()
    assert board.locator("[role=gridcell][aria-selected=true]").count() == 1
    kernels = of(whole, "KernelGrid")
    before, tiles = kernels.evaluate(everything.STATE), kernels.locator(".dvw-grid canvas").first
    tiles.click(position={"x": tiles.bounding_box()["width"] * 0.5, "y": 20})
    whole.wait_for_timeout(300)
    assert kernels.evaluate(everything.STATE) != before


def test_the_layers_that_were_asked_for_can_be_chosen_and_others_are_named(whole):
    maps, picker = of(whole, "ActivationMaps"), of(whole, "LayerPicker")
    tiles = maps.locator(".dvw-grid canvas").first
    first = jupyter.pixels(tiles)
    picker.get_by_role("treeitem", name=re.compile("^conv2")).click()
    select = maps.get_by_role("combobox", name="Layer")
    expect(select).to_have_value("conv2")
    drawn(whole, lambda: jupyter.pixels(tiles) != first)
    assert "48 channels" in maps.inner_text()
    picker.get_by_role("treeitem", name=re.compile("^relu1")).click()
    expect(whole.locator("#dvw-says")).to_contain_text("does not hold layer relu1")
    expect(select).to_have_value("conv2")
    expect(select).to_be_enabled()
    assert select.locator("option").all_inner_texts() == ["conv1", "conv2"]
    select.select_option("conv1")
    drawn(whole, lambda: jupyter.pixels(tiles) == first)


def test_charts_are_drawings_that_say_so(whole):
    charts = whole.locator("figure.dvw-chart")
    expect(charts).to_have_count(3)
    for k in range(3):
        assert charts.nth(k).locator("rect").count() > 4 and "drawing" in charts.nth(k).inner_text()


def test_what_does_not_fit_is_left_out_and_said(browser, tmp_path):
    net, photos = dv.demo.scenes(n=12)
    maps = dv.ActivationMaps(net, photos, layer="conv1")
    board = dv.TopPatches(net, photos, layer="conv2", layers=["conv2"], k=9)
    shown = dv.row(maps, board)
    layers = ["conv1", "conv2", "relu1", "bn1"]
    large = shown.to_html(tmp_path / "large.html", layers=layers)
    with pytest.warns(UserWarning, match="near 0.6 MB: the thumbnails of .* of TopPatches"):
        middle = shown.to_html(tmp_path / "middle.html", max_mb=0.6, layers=layers)
    assert middle.stat().st_size < 600_000 < large.stat().st_size
    with pytest.warns(UserWarning, match=r"near 0.2 MB: .*TopPatches.*; \d layers? of ActivationMaps"):
        small = shown.to_html(tmp_path / "small.html", max_mb=0.2, layers=layers)
    assert small.stat().st_size < middle.stat().st_size
    page = everything.opened_page(browser, small)
    assert "Left out to keep this file near 0.2 MB" in page.locator("main").inner_text()
    assert page.locator(".dvw").count() == 2 and page.problems == []
    page.context.close()
    with pytest.raises(ValueError, match="holds nothing"):
        maps.to_html(tmp_path / "none.html", max_mb=0)


def test_what_is_no_widget_of_ours_is_named(tmp_path):
    import ipywidgets

    net, _ = dv.demo.digits()
    text = dv.row(dv.LayerPicker(net), ipywidgets.IntSlider()).to_html(tmp_path / "page.html").read_text()
    assert "An IntSlider of the notebook is not part of this page" in text
