"""The page of the embedding map and its kernel: old, late, doubled and missing answers, lost contexts, saved pages."""

from __future__ import annotations

import re

import map_page as mp
import numpy as np
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e


def test_play_step_restart_and_perplexity_reach_the_kernel_while_the_map_forms(show):
    page = show(count=500, options="{extra: {status: 'running', playing: true, progress: 0.3, _job: 1}}", reduced=True)
    page.evaluate("dvw.model.set('_points', {...dvw.model.get('_points'), phase: 'settling', kl: 1.25})")
    expect(page.locator(".dvw-cap")).to_contain_text("Iteration 750 of 750, KL 1.25. The map is still moving.")
    page.get_by_role("button", name="Pause").click()
    assert mp.trait(page, "playing") is False
    page.get_by_role("button", name="Step").click()
    page.get_by_role("button", name="Restart").click()
    page.get_by_role("slider", name="Perplexity").fill("55")
    page.wait_for_timeout(300)
    assert mp.trait(page, "perplexity") == 55
    page.locator(".em-pic").focus()
    page.keyboard.press("]")
    page.keyboard.press(" ")
    assert (mp.trait(page, "perplexity"), mp.trait(page, "playing")) == (56, True)
    assert {"step", "restart"} <= set(page.evaluate("dvw.model.sent.map((m) => m.what)"))


def test_a_map_that_is_measured_after_its_end_says_that_it_is_done(show):
    page = show(count=500, options="{extra: {status: 'running', playing: true, progress: 0.3, _job: 1}}", reduced=True)
    said = page.locator(".dvw-cap")
    page.evaluate("dvw.model.set('_points', {...dvw.model.get('_points'), phase: 'settling'})")
    expect(said).to_contain_text("The map is still moving.")
    page.evaluate("dvw.model.set('_points', {...dvw.model.get('_points'), phase: 'done'})")
    mp.still(page)  # drawn while the kernel measures what the map kept
    page.evaluate("dvw.model.set('status', 'done')")
    expect(said).to_contain_text("The map of 500 images is done")


def test_positions_of_an_older_map_that_come_late_are_not_shown(show):
    page = show(count=800, options="{inline: false, " + mp.PLAIN[1:], reduced=True)
    view = [0, 0, 110]
    mp.put(page, view=view)
    mp.still(page)
    image = page.evaluate("made.ranked(dvw.count)[0]")
    x, y = mp.on_screen(page, view)[image]
    mirrored = page.locator(".em-scene").evaluate("(c) => c.clientWidth") - x
    page.evaluate("""() => { dvw.delay = 700;
      dvw.moment = (i) => i === 25 ? dvw.xy : dvw.xy.map((v, i) => (i % 2 ? v : 65535 - v));
      const set = (generation, iteration) => { dvw.generation = generation;
        dvw.model.set('_points', {...dvw.model.get('_points'), generation});
        dvw.model.set('_frame', {...dvw.model.get('_frame'), generation, iteration}); };
      set(2, 25); setTimeout(() => { dvw.delay = 0; set(3, 50); }, 150); }""")
    page.wait_for_timeout(1500)
    mp.still(page)
    assert np.abs(mp.pixel(page, mirrored, y) - mp.colour_of(page, image)).max() < 24


def test_answers_that_come_twice_change_nothing(show):
    page = show(count=1500, options=mp.PLAIN, reduced=True)
    page.evaluate("dvw.twice = () => true")
    mp.put(page, view=[0, 0, 30], hovered=5)
    mp.still(page)
    asked = page.evaluate("dvw.log.filter((l) => l.what === 'base').length")
    assert asked == 1
    image = page.evaluate("made.ranked(dvw.count)[0]")
    mp.put(page, view=[*mp.places(page)[image], 12])
    mp.still(page)
    x, y = mp.on_screen(page, [*mp.places(page)[image], 12])[image]
    assert np.abs(mp.pixel(page, x, y) - mp.colour_of(page, image)).max() < 24


def test_other_images_replace_all_that_was_known(show):
    page = show(count=600, options=mp.PLAIN, reduced=True)
    mp.still(page)
    mp.put(page, view=[0, 0, 110])
    page.evaluate("""() => { const key = dvw.key = 'k2'; dvw.generation = 9;
      dvw.xy = dvw.xy.map((v) => 65535 - v);
      dvw.model.set('_points', {...dvw.model.get('_points'), key, generation: 9});
      dvw.model.set('_xy', new DataView(dvw.xy.buffer));
      dvw.model.set('_frame', {...dvw.model.get('_frame'), key, generation: 9}); }""")
    mp.still(page)
    image = page.evaluate("made.ranked(dvw.count)[0]")
    x, y = mp.on_screen(page, [0, 0, 110])[image]
    assert np.abs(mp.pixel(page, x, y) - mp.colour_of(page, image)).max() < 24
    assert page.evaluate("dvw.log.filter((l) => l.what === 'base').length") == 2


def test_a_lost_context_is_rebuilt_and_the_old_picture_stands_meanwhile(show):
    page = show(count=1500, options=mp.PLAIN, reduced=True)
    view = [0, 0, 110]
    mp.put(page, view=view)
    mp.still(page)
    image = page.evaluate("made.ranked(dvw.count)[0]")
    x, y = mp.on_screen(page, view)[image]
    page.evaluate("""() => { const {gl} = document[Symbol.for('deepviz_widgets.webgl')];
      window.lose = gl.getExtension('WEBGL_lose_context');
      lose.loseContext(); }""")
    page.wait_for_timeout(300)
    assert np.abs(mp.pixel(page, x, y) - mp.colour_of(page, image)).max() < 24
    page.evaluate("lose.restoreContext()")
    page.wait_for_timeout(300)
    view = [*mp.places(page)[image], 20]
    mp.put(page, view=view)
    mp.still(page)
    x, y = mp.on_screen(page, view)[image]
    assert np.abs(mp.pixel(page, x, y) - mp.colour_of(page, image)).max() < 24


def test_twenty_maps_share_one_context_and_the_last_one_gives_it_back(show):
    page = show(count=60, options=mp.PLAIN, reduced=True, height=700)
    page.evaluate("""async () => { window.closers = [dvw.close];
      for (let i = 0; i < 19; i++) closers.push((await dvw.show('#a', {...dvw.state, _uid: `m${i}`})).close); }""")
    page.wait_for_timeout(800)
    painted = page.evaluate("""async () => {
      const all = [...document.querySelectorAll('.em-scene')];
      for (const c of all) { c.scrollIntoView(); await new Promise((r) => setTimeout(r, 120)); }
      return all.map((c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v > 0)); }""")
    assert painted == [True] * 20
    assert page.evaluate("document[Symbol.for('deepviz_widgets.webgl')].users.size") <= 6
    page.evaluate("closers.forEach((close) => close())")
    assert page.evaluate("document[Symbol.for('deepviz_widgets.webgl')] === undefined")


def test_without_webgl2_a_map_of_more_than_5000_says_so(show):
    page = show(count=6000, before=mp.NO_WEBGL, reduced=True)
    mp.still(page)
    expect(page.locator(".dvw-cap")).to_contain_text("a plain canvas shows 5,000 of the 6,000 images")


def test_a_saved_page_can_be_explored_with_no_kernel(show):
    page = show(count=1200, reduced=True)
    mp.put(page, hovered=17)
    mp.still(page)
    page.evaluate("""async () => { const state = dvw.saved(); dvw.close();
      dvw.model = (await dvw.show('#a', state)).model; }""")
    page.wait_for_timeout(900)
    expect(page.locator(".dvw")).to_contain_text("Saved page")
    mp.put(page, hovered=17)
    expect(page.locator(".em-near:enabled")).to_have_count(10)
    expect(page.locator(".em-card")).to_contain_text("recognised as street")
    view = [0, 0, 60]
    mp.put(page, hovered=-1, view=view)
    page.wait_for_timeout(600)
    image = page.evaluate("made.ranked(dvw.count)[0]")
    mp.put(page, view=[*mp.places(page)[image], 60])
    page.wait_for_timeout(600)
    x, y = mp.on_screen(page, [*mp.places(page)[image], 60])[image]
    assert np.abs(mp.pixel(page, x, y) - mp.colour_of(page, image)).max() < 24
    page.get_by_role("searchbox").fill("lake")
    expect(page.locator(".dvw-cap")).to_contain_text("120 images fit “lake”")
    expect(page.get_by_role("button", name="Play")).to_have_attribute("aria-disabled", "true")
    assert page.evaluate("dvw.model.sent") == []


@pytest.mark.slow
def test_100000_images_open_within_6_megabytes_of_messages_and_128_of_graphics_memory(show):
    page = show(count=100_000, reduced=True, before=mp.COUNT)
    mp.complete(page)
    log = page.evaluate("dvw.log")
    total = sum(entry["bytes"] for entry in log) + 400_000
    assert total <= 6_000_000
    assert max(entry["bytes"] for entry in log) < 1 << 20
    assert max(entry.get("asked") or 0 for entry in log) <= 256
    image = page.evaluate("made.ranked(dvw.count)[0]")
    for width in (60, 20, 5):
        mp.put(page, view=[*mp.place(page, image), width], colour="")
        mp.still(page)
    x, y = (side / 2 for side in mp.canvas_size(page))
    assert np.abs(mp.pixel(page, x, y) - mp.colour_of(page, image)).max() < 24
    assert 30 << 20 < page.evaluate("gpu.most") <= 128 << 20


@pytest.mark.parametrize("width", [320, 480, 1032])
def test_every_control_has_a_name_and_nothing_is_wider_than_the_page(show, width):
    page = show(count=400, width=width, reduced=True)
    mp.still(page)
    more = page.get_by_role("button", name="More")
    if more.is_visible():
        more.click()
    nameless = page.evaluate("""() => [...document.querySelectorAll('button, input, select, [role=application]')]
      .filter((el) => el.checkVisibility())
      .filter((el) => !(el.getAttribute('aria-label') || el.textContent.trim() || el.labels?.[0]?.textContent.trim()))
      .map((el) => el.outerHTML)""")
    assert nameless == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.get_by_role("application")).to_have_attribute("aria-label", re.compile("Map of 400 images. Arrow keys"))
