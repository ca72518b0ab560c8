"""`OcclusionMap`: drag a patch over an image and watch the scores; the map of all positions fills in behind."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import traitlets as t

from ..images import as_images
from ..methods.occlusion import FILLS, KINDS, Occlusion, Sweep, fills_of, occlusion, usual_side
from ..network import Network
from ..words import count
from . import wire
from .base import ClassIndex, ImageWidget, bundle, code

_MOST_SENT = 64  # classes whose scores travel with the map; choosing another sends that one too
_MOST_DRAGGED = 5000  # positions that the slider leads to; Python may ask for more
_RUNS_KEPT = 6  # sweeps, so that going back to one goes on where it was
_PACE = 0.05  # seconds: smaller batches than a loop wants, for more pictures on the way
_BEAT = 0.25  # seconds between pictures of a running sweep


class OcclusionMap(ImageWidget):
    """An image with a patch to drag over it, and the map of what hiding each part changes.

    Parameters
    ----------
    net : Network
    images : ImageSet, Picture, path, PIL image, ndarray, Tensor or list of these
    target : int, str or widget, optional
        The class whose score is mapped; that of the image by default, until one is chosen.
    image : int or widget
        Which image.
    patch : int or widget, optional
        Side of the patch in pixels of the network's input; a seventh of the shorter side by default, at least 8.
    stride : int or widget, optional
        Pixels from one position to the next, at most the patch; a quarter of it by default.
    fill : str
        What the patch shows, see `methods.occlusion.occlusion`.
    feature_layer : str, nn.Module or widget, optional
        Whose strongest map the view "feature" follows; the last layer with maps by default.
    place : list of int or widget
        Top and left of the dragged patch; [] for none. A widget that has a `place` is followed: one patch, two images.
    score, view, overlay
        What is shown at first; see below.

    Attributes
    ----------
    target, image, patch, stride, fill, place
        As above; readable, settable and linkable.
    score : {"probability", "logit", "margin"}
    view : {"target", "feature", "winner"}
        Zeiler and Fergus' three maps: the score of the class, the summed activation of the strongest map of
        `feature_layer`, the most probable class.
    overlay : float
        Opacity of the map over the image, 0-1.
    sweep : Sweep or None
        All scores of all classes, as far as computed.

    Raises
    ------
    TraitError
        For an unknown class, fill or image, or a stride larger than the patch.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.scenes(n=6)
    >>> found = dv.OcclusionMap(net, images, target="wheel", patch=16, stride=8)
    >>> found.wait()
    >>> found.sweep.map("wheel").shape
    (7, 7)
    """

    _code = code("occlusion_map.js")
    _css = bundle("occlusion_map.css")
    _fixed = ("image", "patch", "stride", "fill")

    target = ClassIndex(0, help="The class whose score is mapped.").tag(sync=True)
    patch = t.Int(1, help="Side of the patch in pixels.").tag(sync=True)
    stride = t.Int(1, help="Pixels from one position to the next.").tag(sync=True)
    fill = t.Enum(FILLS, "mean", help="What the patch shows.").tag(sync=True)
    score = t.Enum(KINDS, "probability", help="Which score.").tag(sync=True)
    view = t.Enum(("target", "feature", "winner"), "target", help="Which of the three maps.").tag(sync=True)
    overlay = t.Float(0.85, min=0.0, max=1.0, help="Opacity of the map over the image.").tag(sync=True)
    place = t.List(t.Int(), help="Top and left of the dragged patch; [] for none.").tag(sync=True)
    _classes = t.List().tag(sync=True)
    _fills = t.List().tag(sync=True)
    _limits = t.Dict().tag(sync=True)
    _layer = t.Unicode("").tag(sync=True)
    _picture = t.Bytes(b"").tag(sync=True)
    _picture_meta = t.Dict().tag(sync=True)
    _filled = t.Bytes(b"").tag(sync=True)
    _filled_meta = t.Dict().tag(sync=True)
    _sweep_meta = t.Dict().tag(sync=True)
    _raw = t.Bytes(b"").tag(sync=True)
    _lse = t.Bytes(b"").tag(sync=True)
    _winner = t.Bytes(b"").tag(sync=True)
    _runner = t.Bytes(b"").tag(sync=True)
    _second = t.Bytes(b"").tag(sync=True)
    _feature = t.Bytes(b"").tag(sync=True)
    _known = t.Bytes(b"").tag(sync=True)
    _base = t.Bytes(b"").tag(sync=True)
    _base_feature = t.Float(0.0).tag(sync=True)
    _base_winner = t.Int(0).tag(sync=True)

    def __init__(
        self,
        net: Network,
        images: Any = None,
        *,
        target: Any = None,
        image: Any = 0,
        patch: Any = None,
        stride: Any = None,
        fill: str = "mean",
        score: str = "probability",
        view: str = "target",
        overlay: float = 0.85,
        feature_layer: Any = None,
        place: Any = (),
        **unknown: Any,
    ):
        super().__init__(net, **unknown)
        self._images = None if images is None else as_images(images)
        self._runs: dict[tuple[Any, ...], Occlusion] = {}
        self._sent: list[int] = []
        self._shown, self._drawn, self._began = 0, 0.0, (0.0, 0)
        self._own_target = target is not None
        self.layout.flex = "4 1 440px"  # its share of a row
        given = {"target": target, "image": image, "patch": patch, "stride": stride, "place": place}
        with self.hold_sync():
            self._classes, self._fills = list(net.classes), list(fills_of(net))
            self._layer = _last_maps(net) if feature_layer is None else net.layer(feature_layer).name
            most = min(net.input_size[1:])
            self._limits = {"patch": [1, most], "stride": [_least_stride(net.input_size), most]}
            self.patch = usual_side(net.input_size[1:]) if patch is None else _value(patch, "patch")
            self.stride = max(1, self.patch // 4) if stride is None else _value(stride, "stride")
            self.image, self.place = _value(image, "image"), list(_value(place, "place"))
            self.fill, self.score, self.view, self.overlay = fill, score, view, overlay
            if target is not None:
                self.target = _value(target, "target")
        for name, other in given.items():
            self._follow(other, name)
        self._restart()

    # ---------------------------------------------------------------- for users

    @property
    def sweep(self) -> Sweep | None:
        """The scores as far as computed; all of them after `wait`."""
        run = self._runs.get(self._key())
        return None if run is None else run.sweep

    # ---------------------------------------------------------------- state

    @t.validate("patch", "stride")
    def _valid_side(self, proposal: Any) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        most = self._limits.get(name, [1, value])[1]
        if not 1 <= value <= most:
            raise t.TraitError(f"A {name} of {value} px does not go; the image allows 1 to {most} px.")
        if name == "stride" and value > self.patch:
            raise t.TraitError(f"A stride of {value} leaves gaps between patches of {self.patch} px; take less.")
        return value

    @t.validate("fill")
    def _valid_fill(self, proposal: Any) -> str:
        if self._fills and proposal["value"] not in self._fills:
            raise t.TraitError(f"The transform of this network names no mean of a dataset; take one of {self._fills}.")
        return proposal["value"]

    @t.observe("patch")
    def _on_patch(self, _change: Any) -> None:
        self.stride = min(self.stride, self.patch)
        self._restart()

    @t.observe("image", "stride", "fill")
    def _on_setting(self, _change: Any) -> None:
        self._restart()

    @t.observe("view")
    def _on_view(self, change: Any) -> None:
        if "feature" in (change["old"], change["new"]):
            self._restart()

    @t.observe("target")
    def _on_target(self, _change: Any) -> None:
        if self._net is None:
            return
        self._own_target = True
        if self._sent and self.target not in self._sent and self.sweep is not None:
            self._show_scores(self.sweep)

    def _key(self) -> tuple[Any, ...]:
        layers = (self._layer,) if self.view == "feature" else ()
        return self.image, self.patch, self.stride, self.fill, layers

    def _forget_images(self) -> None:
        self._runs.clear()

    def _release(self) -> None:
        self._images = None
        self._runs.clear()

    def _complete(self) -> None:
        if self._images is not None:
            self.wait()

    def _summary(self) -> Iterator[str]:
        name = self.network.classes[self.target] if self._net is not None and self._classes else self.target
        yield f"target={name!r}"
        if self._sweep_meta.get("total"):
            yield f"{100 * self._sweep_meta['done'] // self._sweep_meta['total']} %"

    # ---------------------------------------------------------------- work

    def _work(self) -> Iterator[Any] | None:
        return None if self._images is None else self._compute(self._key())

    def _compute(self, key: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Occlusion] | None]:
        run = self._runs.pop(key, None)
        if run is None:
            image, patch, stride, fill, layers = key
            run = occlusion(
                self.network, self._images[image], patch=patch, stride=stride, fill=fill, layers=layers,
                targets=self.target if self._own_target else None, pace=_PACE,
            )
        self._runs[key] = run  # the latest last
        while len(self._runs) > _RUNS_KEPT:
            self._runs.pop(next(iter(self._runs))).close()
        self._shown += 1
        self._drawn, self._began = 0.0, (time.perf_counter(), 0 if run.sweep is None else run.sweep.done)
        if run.sweep is not None:
            yield key, run
        while run.sweep is None or run.sweep.done < run.sweep.total:
            yield (key, run) if run.advance() else None  # the page may ask for something else in between
        run.close()  # what is computed stays

    def _publish(self, result: tuple[tuple[Any, ...], Occlusion] | None) -> None:
        if result is None:
            return
        key, run = result
        sweep, now = run.sweep, time.perf_counter()
        with self.hold_sync():
            self.progress = sweep.done / sweep.total
            self._doing = f"{count(sweep.done)} of {count(sweep.total)} positions"
            if sweep.done < sweep.total and now - self._drawn < _BEAT:
                return
            self._drawn = now
            self._show_pictures(key, run)
            if not self._own_target:
                self.target = sweep.base_winner
                self._own_target = False
            self._show_scores(sweep)

    def _show_pictures(self, key: tuple[Any, ...], run: Occlusion) -> None:
        if self._image.get("index") != key[0]:
            picture, pixels = self._images[key[0]], self.network.displayed(run.x)
            self._describe(key[0], picture, *pixels.shape[:2])
            self._picture, self._picture_meta = wire.picture(pixels)
        if self._filled_meta.get("key") != str(self._shown):
            self._filled, meta = wire.picture(self.network.displayed(run.filled))
            self._filled_meta = {**meta, "key": str(self._shown)}

    def _show_scores(self, sweep: Sweep) -> None:
        self._sent = sent = self._chosen(sweep)
        raw = np.where(sweep.known[:, None], sweep.raw[:, sent], sweep.base_raw[sent])
        feature = next(iter(sweep.features.values()), np.zeros(0))
        with self.hold_sync():
            self._raw, packing = wire.levels(raw)
            self._lse, self._runner, self._second = (wire.floats(v) for v in (sweep.lse, sweep.best, sweep.second))
            self._winner = wire.floats(sweep.winner().ravel())
            self._feature, self._known = wire.floats(feature), sweep.known.astype(np.uint8).tobytes()
            self._base = wire.floats(
                np.array([*sweep.base_raw[sent], sweep.base_lse, sweep.base_best, sweep.base_second])
            )
            self._base_feature = next(iter(sweep.base_features.values()), 0.0)
            self._base_winner = sweep.base_winner
            self._sweep_meta = {
                "key": str(self._shown), "image": self.image, "patch": list(sweep.patch), "stride": list(sweep.stride),
                "fill": sweep.fill, "rows": sweep.rows, "columns": sweep.columns, "region": list(sweep.region),
                "done": sweep.done, "total": sweep.total, "sent": sent, "seconds_left": self._seconds_left(sweep),
                "kind": "probabilities" if sweep.scores_are == "probabilities" else "logits", **packing,
            }

    def _chosen(self, sweep: Sweep) -> list[int]:
        """Choose the classes that travel: all, or the target and those that score highest anywhere."""
        number = len(sweep.classes)
        most = min(_MOST_SENT, max(8, wire.MESSAGE_LIMIT // (2 * sweep.total)))  # of 16 bits each
        if number <= most:
            return list(range(number))
        highest = np.fmax(np.nanmax(sweep.raw, 0, initial=-np.inf), sweep.base_raw)
        first = [self.target, *np.argsort(-sweep.base_raw, kind="stable")[:8], *np.argsort(-highest, kind="stable")]
        return [int(index) for index in dict.fromkeys(first)][:most]

    def _seconds_left(self, sweep: Sweep) -> float | None:
        since, done = time.perf_counter() - self._began[0], sweep.done - self._began[1]
        return round(since / done * (sweep.total - sweep.done), 1) if done > 0 else None

    # ---------------------------------------------------------------- the page asks

    def _answer(self, what: str, content: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        run = self._runs.get(self._key())
        if what != "place":
            return super()._answer(what, content)
        if run is None or run.sweep is None or content.get("key") != str(self._shown):
            raise ValueError("This map was replaced.")
        y, x = content.get("y"), content.get("x")
        if not isinstance(y, int) or not isinstance(x, int):
            raise ValueError("A place is the top and the left of the patch, in whole pixels.")
        with self.network.lock:  # not beside a step of the same sweep in another thread
            here = run.place(y, x)
        feature = next((float(values[0]) for values in here.features.values()), 0.0)
        reply = {"key": content["key"], "y": y, "x": x, "lse": float(here.lse[0]), "best": float(here.best[0]),
                 "second": float(here.second[0]), "winner": int(here.winner().ravel()[0]), "feature": feature}
        return reply, [wire.floats(here.raw[0, self._sent])]

def _least_stride(shape: tuple[int, int, int]) -> int:
    """Return the least stride of the slider: a press of the Home key must not start a sweep of hours."""
    return max(1, math.ceil(math.sqrt(shape[1] * shape[2] / _MOST_DRAGGED)))


def _value(given: Any, name: str) -> Any:
    """Take a value, or that of a widget given in its place."""
    return getattr(given, name) if isinstance(given, t.HasTraits) else given


def _last_maps(net: Network) -> str:
    """Name the last layer whose answer still has places, a whole stage rather than a layer inside it."""
    maps = [layer.name for layer in net.layers if layer.layout.kind in ("maps", "tokens")
            and layer.layout.grid[0] * layer.layout.grid[1] > 1]
    stages = [name for name in maps if "." not in name]
    return (stages or maps or [""])[-1]
