"""The page of the embedding map in a real browser, against a kernel that lives in the page."""

from __future__ import annotations

import re

import map_page as mp
import numpy as np
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def shared(browser):
    """One page for the tests that leave it as it was."""
    page = mp.open_map(browser, count=2000, options="{extra: {seed: 1}}")
    mp.settled(page)
    yield page
    page.context.close()


@pytest.mark.parametrize("before", ["", mp.NO_WEBGL], ids=["webgl", "plain canvas"])
def test_the_pixels_under_a_known_point_show_that_image_at_three_zooms(show, before):
    page = show(count=400, options=mp.PLAIN, before=before, reduced=True)
    mp.settled(page)
    at = mp.places(page)
    alone = _alone(page, mp.on_screen(page, [0, 0, 110]), 24)
    for width, images in ((110, alone), (25, alone[:2]), (4, alone[2:])):
        for image in images:
            view = [*at[image], width]
            mp.put(page, view=view)
            mp.still(page)
            x, y = mp.on_screen(page, view)[image]
            for dx, dy in ([0, 0], [-5, 5], [5, -5]):
                assert np.abs(mp.pixel(page, x + dx, y + dy) - mp.colour_of(page, image)).max() < 24


def _alone(page, xy, room: float):
    """Return the four images that lie farthest from all others; there is room for their pictures at every zoom."""
    apart = np.abs(xy[:, None] - xy[None]).max(axis=2)
    np.fill_diagonal(apart, np.inf)
    nearest = apart.min(axis=1)
    chosen = np.argsort(-nearest)[:4]
    assert nearest[chosen].min() > room
    return [int(image) for image in chosen]


@pytest.mark.parametrize("tool", ["Lasso", "Rectangle"])
def test_the_lasso_returns_exactly_the_points_inside(show, tool):
    page = show(count=4000, reduced=True)
    view = [4.0, -3.0, 90.0]
    mp.put(page, view=view)
    mp.still(page)
    xy = mp.on_screen(page, view)
    page.get_by_role("button", name=tool).click()
    box = page.locator(".em-pic").bounding_box()
    star = [(330 + r * np.cos(a), 290 + r * np.sin(a)) for a, r in
            zip(np.linspace(0, 2 * np.pi, 24, endpoint=False), [280, 180] * 12, strict=True)]
    corners = star if tool == "Lasso" else [(40.0, 90.0), (430.0, 400.0)]
    page.mouse.move(box["x"] + corners[0][0], box["y"] + corners[0][1])
    page.mouse.down()
    for x, y in corners[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y)
    page.mouse.up()
    if tool == "Rectangle":
        (a, b), (c, d) = corners
        corners = [(a, b), (c, b), (c, d), (a, d)]
    inside, far = _inside(np.asarray(corners), xy)
    chosen = np.zeros(len(xy), bool)
    chosen[mp.trait(page, "selected")] = True
    assert 200 < inside.sum() < 3500
    assert (chosen == inside)[far > 1.0].all()
    expect(page.locator(".dvw-cap")).to_contain_text(re.compile(r"[\d,]+ selected: .*misclassified"))


def _inside(corners, xy):
    """Return whether points lie in a polygon, and how far they are from its line."""
    odd, far = np.zeros(len(xy), bool), np.full(len(xy), np.inf)
    for a, b in zip(corners, np.roll(corners, 1, axis=0), strict=True):
        crosses = (a[1] > xy[:, 1]) != (b[1] > xy[:, 1])
        with np.errstate(divide="ignore", invalid="ignore"):
            odd ^= crosses & (xy[:, 0] < (b[0] - a[0]) * (xy[:, 1] - a[1]) / (b[1] - a[1]) + a[0])
        along = np.clip(((xy - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)[:, None]
        far = np.minimum(far, np.hypot(*(xy - a - along * (b - a)).T))
    return odd, far


def test_adding_subtracting_and_undoing_change_the_selection_by_what_was_drawn(show):
    page = show(count=2000, reduced=True)
    mp.still(page)
    box = page.locator(".em-pic").bounding_box()

    def draw(x0, y0, x1, y1):
        page.mouse.move(box["x"] + x0, box["y"] + y0)
        page.mouse.down()
        page.mouse.move(box["x"] + x1, box["y"] + y1, steps=3)
        page.mouse.up()
        return set(mp.trait(page, "selected"))

    page.get_by_role("button", name="Rectangle").click()
    first = draw(20, 60, 330, 560)
    page.get_by_role("button", name="Add").click()
    both = draw(331, 2, 660, 560)
    page.get_by_role("button", name="Subtract").click()
    rest = draw(20, 60, 330, 560)
    assert 0 < len(first) < len(both) and first < both
    assert rest == both - first, (len(first), len(both), len(rest))
    page.get_by_role("button", name="Undo").click()
    assert set(mp.trait(page, "selected")) == both
    page.get_by_role("button", name="Undo").click()
    assert set(mp.trait(page, "selected")) == first


def test_a_selection_from_python_is_counted_and_a_large_one_travels_as_bits(show):
    page = show(count=21_000, reduced=True)
    mp.settled(page)
    mp.put(page, selected=[0, 10, 20, 1])
    expect(page.locator(".dvw-cap")).to_contain_text("4 selected: 3 temple, 1 lake")
    page.get_by_role("button", name="Rectangle").click()
    box = page.locator(".em-pic").bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 4, box["y"] + box["height"] - 3, steps=3)
    page.mouse.up()
    bits = page.evaluate("[...new Uint8Array(dvw.model.get('_mask').buffer)]")
    assert np.unpackbits(np.asarray(bits, np.uint8), bitorder="little").sum() == 21_000
    assert mp.trait(page, "selected") == []


def test_hovering_works_while_the_kernel_is_busy_and_its_neighbours_come_later(show):
    page = show(count=1500, options="{extra: {_says: {}}}", reduced=True)
    mp.still(page)
    view = [0, 0, 110]
    mp.put(page, view=view)
    mp.still(page)
    page.evaluate("dvw.busy = true")
    image = page.evaluate("made.ranked(dvw.count)[0]")
    x, y = mp.on_screen(page, view)[image]
    page.locator(".em-pic").hover(position={"x": x, "y": y})
    expect(page.locator(".em-title")).to_have_text(mp.CLASSES[image % 10])
    expect(page.locator(".dvw-cap")).to_contain_text(mp.CLASSES[image % 10])
    page.wait_for_function("(id) => dvw.model.get('hovered') === id", arg=image)
    xy = mp.on_screen(page, view)
    for other in page.evaluate("[...made.ranked(dvw.count).slice(1, 30)]"):
        page.mouse.move(*(xy[other] + [page.locator(".em-pic").bounding_box()[k] for k in "xy"]))
    # a question may wait twice, as it is put again after a while
    assert page.evaluate("new Set(dvw.waiting.filter(([c]) => c.what === 'card').map(([c]) => c.id)).size") <= 2
    page.locator(".em-pic").hover(position={"x": x, "y": y})
    page.evaluate("dvw.free()")
    expect(page.locator(".em-near:enabled")).to_have_count(10)
    expect(page.locator(".em-near").first).to_contain_text("3.2")


def test_the_card_tells_image_label_prediction_confidence_and_who_is_torn_away(shared):
    page = shared
    mp.put(page, hovered=17)
    expect(page.locator(".em-card")).to_contain_text("forest")
    expect(page.locator(".em-card")).to_contain_text("img0017.png")
    expect(page.locator(".em-card")).to_contain_text("recognised as street, 67 %")
    expect(page.locator(".dvw-cap")).to_contain_text("taken for street with 0.67")
    torn = page.locator(".em-torn")
    kept = 10 - torn.count()
    expect(page.locator(".em-note")).to_contain_text(re.compile(f"{kept} of 10 lies? beside it"))
    expect(torn.first).to_have_attribute("aria-label", re.compile("forest, at .*, torn away"))
    mp.put(page, hovered=-1)


def test_the_keyboard_travels_from_image_to_neighbouring_image_and_selects(shared):
    page = shared
    pic = page.locator(".em-pic")
    pic.focus()
    at = mp.places(page)
    pic.press("ArrowRight")
    page.wait_for_function("dvw.model.get('hovered') >= 0")
    seen = [mp.trait(page, "hovered")]
    for key, way in (("ArrowRight", (1, 0)), ("ArrowUp", (0, 1)), ("ArrowLeft", (-1, 0)), ("ArrowDown", (0, -1))):
        pic.press(key)
        page.wait_for_timeout(250)
        seen.append(mp.trait(page, "hovered"))
        step = at[seen[-1]] - at[seen[-2]]
        assert step @ np.asarray(way) > 0
    pic.press("Enter")
    assert mp.trait(page, "image") == seen[-1]
    pic.press("s")
    assert mp.trait(page, "selected") == [seen[-1]]
    pic.press("Escape")
    assert mp.trait(page, "selected") == []


def test_the_wheel_zooms_only_a_map_that_has_the_focus_or_with_a_modifier(show):
    page = show(count=500, height=500, reduced=True)
    mp.still(page)
    page.mouse.move(300, 300)
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(400)
    assert mp.trait(page, "view") == []
    expect(page.locator(".dvw-cap")).to_contain_text("hold Ctrl")
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    page.wait_for_function("dvw.model.get('view').length === 3")
    before = mp.trait(page, "view")[2]
    page.locator(".em-pic").focus()
    page.mouse.wheel(0, -100)
    page.wait_for_function("(w) => dvw.model.get('view')[2] < 0.9 * w", arg=before)
    page.get_by_role("button", name="Show the whole map").click()
    page.wait_for_function("dvw.model.get('view').length === 0")


def test_dragging_moves_the_map_by_what_the_pointer_moves(show):
    page = show(count=500, reduced=True)
    mp.put(page, view=[0, 0, 50])
    mp.still(page)
    box = page.locator(".em-pic").bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 300)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 260, steps=4)
    page.mouse.up()
    page.wait_for_timeout(400)
    x, y, width = mp.trait(page, "view")
    assert width == pytest.approx(50, rel=1e-3)
    assert [x, y] == pytest.approx([-100 * 50 / box["width"], -40 * 50 / box["width"]], abs=0.05)


def test_two_fingers_zoom_about_their_middle(show):
    page = show(count=500, reduced=True, touch=True)
    mp.still(page)
    mp.put(page, view=[0, 0, 60])
    mp.still(page)
    page.evaluate("""() => {
      const pic = document.querySelector('.em-pic');
      const r = pic.getBoundingClientRect();
      const send = (type, id, x, y) => pic.dispatchEvent(new PointerEvent(type, {pointerId: id, pointerType: 'touch',
        clientX: r.left + r.width / 2 + x, clientY: r.top + r.height / 2 + y, bubbles: true, button: 0}));
      pic.setPointerCapture = () => {};
      send('pointerdown', 1, -50, 0); send('pointerdown', 2, 50, 0);
      send('pointermove', 1, -100, 0); send('pointermove', 2, 100, 0);
      send('pointerup', 1, -100, 0); send('pointerup', 2, 100, 0);
    }""")
    page.wait_for_timeout(400)
    x, y, width = mp.trait(page, "view")
    assert width == pytest.approx(30, rel=0.02)
    assert [x, y] == pytest.approx([0, 0], abs=0.5)


def test_search_brings_out_what_fits_and_says_how_many(shared):
    page = shared
    page.get_by_role("searchbox").fill("har")
    expect(page.locator(".dvw-cap")).to_contain_text("200 images fit “har”")
    page.get_by_role("searchbox").fill("zebra")
    expect(page.locator(".dvw-cap")).to_contain_text("No label or name contains “zebra”")
    page.get_by_role("searchbox").fill("")


def test_what_is_typed_or_slid_on_is_not_put_back_by_what_the_kernel_heard_before(show):
    page = show(count=1000, reduced=True)
    typed, slid = page.get_by_role("searchbox"), page.get_by_role("slider", name="Perplexity")
    page.evaluate("""([typed, slid]) => {
        const { model } = dvw, told = ['search', 'perplexity'];  // as Jupyter: what was set and not saved is lost
        let saved = {};
        model.save_changes = () => { saved = Object.fromEntries(told.map((name) => [name, model.get(name)])); };
        for (const [field, value] of [[typed, 'l'], [typed, 'lake'], [slid, 31], [slid, 32]]) {
            field.value = value;
            field.dispatchEvent(new Event('input', { bubbles: true }));
        }
        model.put(saved);
    }""", [typed.element_handle(), slid.element_handle()])
    expect(page.locator(".dvw-cap")).to_contain_text("100 images fit “lake”")
    assert (mp.trait(page, "search"), mp.trait(page, "perplexity")) == ("lake", 32)
    assert (typed.input_value(), slid.input_value()) == ("lake", "32")


def test_enter_in_the_search_flies_to_what_was_found_and_f_to_what_is_selected(show):
    page = show(count=1000, reduced=True)
    at = mp.places(page)
    box = page.get_by_role("searchbox")
    box.fill("lake")
    expect(page.locator(".dvw-cap")).to_contain_text("100 images fit")
    box.press("Enter")
    page.wait_for_function("dvw.model.get('view').length === 3")
    x, y, width = mp.trait(page, "view")
    lakes = at[1::10]
    assert [x, y] == pytest.approx((lakes.min(0) + lakes.max(0)) / 2, abs=0.1)
    assert np.ptp(lakes, 0).max() < width < 4 * np.ptp(lakes, 0).max()
    box.fill("")
    mp.put(page, selected=[4, 14])
    page.locator(".em-pic").press("f")
    page.wait_for_function("(x) => Math.abs(dvw.model.get('view')[0] - x) > 1", arg=x)
    assert mp.trait(page, "view")[:2] == pytest.approx((at[4] + at[14]) / 2, abs=0.1)


def test_the_image_pointed_at_last_stays_beside_the_map_so_that_its_neighbours_can_be_clicked(show):
    page = show(count=1000, reduced=True)
    mp.still(page)
    image = page.evaluate("made.ranked(dvw.count)[0]")
    x, y = mp.whole(page)[image]
    page.locator(".em-pic").hover(position={"x": x, "y": y})
    expect(page.locator(".em-near:enabled")).to_have_count(10)
    page.locator(".em-near").nth(1).hover()
    page.wait_for_function("dvw.model.get('hovered') === -1")
    expect(page.locator(".em-title")).to_have_text(mp.CLASSES[image % 10])
    page.locator(".em-near").nth(1).click()
    page.wait_for_function("(id) => dvw.model.get('image') === id", arg=(image + 20) % 1000)


def test_a_click_in_the_legend_shows_one_category_alone(show):
    page = show(count=1000, reduced=True)
    view = [0, 0, 110]
    mp.put(page, view=view)
    mp.still(page)
    xy = mp.on_screen(page, view)
    order = page.evaluate("[...made.ranked(dvw.count)]")
    lake, tower = (next(i for i in order if i % 10 == c) for c in (1, 4))
    assert (mp.pixel(page, *xy[tower]) < 250).any()
    page.locator(".em-row", has_text="lake").click()
    mp.still(page)
    assert (mp.pixel(page, *xy[lake]) < 250).any()
    assert (mp.pixel(page, *xy[tower]) == 255).all()
    page.get_by_role("button", name="show all", exact=True).click()
    mp.still(page)
    assert (mp.pixel(page, *xy[tower]) < 250).any()


def test_isolating_hides_all_that_is_not_selected(show):
    page = show(count=1000, reduced=True)
    view = [0, 0, 110]
    order = page.evaluate("[...made.ranked(dvw.count)]")
    mp.put(page, view=view, selected=[order[0]])
    mp.still(page)
    xy = mp.on_screen(page, view)
    assert (mp.pixel(page, *xy[order[1]]) < 255).any()
    page.get_by_role("button", name="Isolate").click()
    mp.still(page)
    assert mp.trait(page, "isolate") is True
    assert (mp.pixel(page, *xy[order[1]]) == 255).all()
    assert (mp.pixel(page, *xy[order[0]]) < 250).any()


def test_the_map_can_be_scrubbed_back_to_how_it_formed(show):
    page = show(count=800, options=mp.PLAIN, reduced=True)
    page.evaluate("""dvw.moment = (iteration) => iteration === 250
      ? dvw.xy.map((v, i) => (i % 2 ? v : 65535 - v)) : dvw.xy""")
    view = [0, 0, 110]
    mp.put(page, view=view)
    mp.still(page)
    image = page.evaluate("made.ranked(dvw.count)[0]")
    x, y = mp.on_screen(page, view)[image]
    mirrored = page.locator(".em-scene").evaluate("(c) => c.clientWidth") - x
    slider = page.get_by_role("slider", name="Moment")
    slider.fill("1")
    expect(slider).to_have_attribute("aria-valuetext", "iteration 250")
    mp.still(page)
    assert np.abs(mp.pixel(page, mirrored, y) - mp.colour_of(page, image)).max() < 24
    slider.fill("3")
    mp.still(page)
    assert np.abs(mp.pixel(page, x, y) - mp.colour_of(page, image)).max() < 24


def test_the_layer_slider_morphs_between_maps_and_names_the_probe(show):
    page = show(count=800, options=mp.PLAIN, reduced=True)
    page.evaluate("""() => {
      dvw.moment = (iteration, layer) => layer === 0 ? dvw.xy.map((v, i) => (i % 2 ? v : 65535 - v)) : dvw.xy;
      const points = {...dvw.model.get('_points'), layers: ['pixels', 'fc'], probe: [[0.41, 0.02], [0.97, 0.01]]};
      dvw.model.set('_points', points); }""")
    view = [0, 0, 110]
    mp.put(page, view=view)
    mp.still(page)
    image = page.evaluate("made.ranked(dvw.count)[0]")
    x, y = mp.on_screen(page, view)[image]
    mirrored = page.locator(".em-scene").evaluate("(c) => c.clientWidth") - x
    slider = page.get_by_role("slider", name="Layer")
    expect(slider).to_have_attribute("aria-valuetext", "fc · linear probe 97 % ± 1 %")
    slider.evaluate("(el) => { el.value = 0.5; el.dispatchEvent(new Event('input', {bubbles: true})); }")
    mp.still(page)
    assert np.abs(mp.pixel(page, (x + mirrored) / 2, y) - mp.colour_of(page, image)).max() < 24
    slider.evaluate("""(el) => { el.value = 0;
      for (const t of ['input', 'change']) el.dispatchEvent(new Event(t, {bubbles: true})); }""")
    mp.still(page)
    assert np.abs(mp.pixel(page, mirrored, y) - mp.colour_of(page, image)).max() < 24
    assert mp.trait(page, "layer") == "pixels"
    expect(slider).to_have_attribute("aria-valuetext", "pixels · linear probe 41 % ± 2 %")
    mp.put(page, _grid={"key": "k1", "generation": 1, "columns": 29, "rows": 28, "hi": 9.1}, arrangement="grid")
    expect(page.locator(".em-seam")).to_be_visible()


def test_the_grid_shows_every_image_in_its_cell_and_orange_seams_where_classes_meet(show):
    grid = "arrangement: 'grid', _grid: {key: 'k1', generation: 1, columns: 15, rows: 14, hi: 9.1}"
    page = show(count=210, options=mp.PLAIN.replace("colour", grid + ", colour"), reduced=True)
    mp.complete(page)
    mp.still(page)
    w, h = mp.canvas_size(page)
    order = sorted(range(210), key=lambda i: (i % 10, i))
    cell = min(w, h * 15 / 14) * 0.93 / 15
    seam = np.asarray([207, 95, 20])
    for k, image in enumerate(order):
        x, y = w / 2 + (k % 15 - 7) * cell, h / 2 + (k // 15 - 6.5) * cell
        assert np.abs(mp.pixel(page, x, y) - mp.colour_of(page, image)).max() < 24
        border = mp.pixel(page, x + cell / 2, y)
        meets = k + 1 < 210 and image % 10 != order[k + 1] % 10
        assert (np.abs(border - seam).max() < 24) == meets, k
