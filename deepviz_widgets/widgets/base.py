"""`Widget`: what all widgets share: states, the page's messages, waiting, closing, and a network that is let go."""

from __future__ import annotations

import difflib
import itertools
import math
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anywidget
import traitlets as t

from ..images import ImageSet, as_images
from ..network import Network
from ..pictures import Picture
from .job import STATES, Job, Pace
from .stills import Pictured
from .trait_types import ClassIndex, ImageIds, ImageIndex, LayerName, Switched  # noqa: F401  widgets take them from here

STATIC = Path(__file__).parent.parent / "static"
_pace = Pace()  # of all widgets, as they share the kernel


def bundle(name: str) -> str:
    """Read a bundle as text. Not given to anywidget as a path: that keeps every instance alive for ever."""
    return (STATIC / name).read_text(encoding="utf-8")


def code(name: str) -> t.Unicode:
    """Return the trait that brings a widget's bundle to the loader, which runs each once a page."""
    return t.Unicode(bundle(name)).tag(sync=True)


class Widget(Pictured, anywidget.AnyWidget):
    """Base of all widgets.

    Attributes
    ----------
    status : {"idle", "running", "done", "cancelled", "error"}
    progress : float
        0-1.
    error : str
        What went wrong, in words; '' while nothing did.
    """

    _esm = bundle("loader.js")

    status = t.Enum(STATES, "idle", help="What the widget's work is doing.").tag(sync=True)
    progress = t.Float(0.0, help="Share of the work that is done, 0-1.").tag(sync=True)
    error = t.Unicode("", help="What went wrong, in words.").tag(sync=True)
    _doing = t.Unicode("").tag(sync=True)
    _uid = t.Unicode("").tag(sync=True)
    _live = t.Bool(True).tag(sync=True)
    _job = t.Int(0).tag(sync=True)

    # of a saved page: which traits tell what was computed; what it can do without, least needed first, as (words,
    # traits); whether it records as much as `_max_mb` allows
    _fixed: tuple[str, ...] = ()
    _spare: tuple[tuple[str, tuple[str, ...]], ...] = ()
    _grows = False
    _max_mb = 25.0

    _page_sets: frozenset[str] = frozenset({"_view_count"})  # private traits that the page sets all the same
    _takes: tuple[type, ...] = (Network,)  # what it may be made of: a board of patches opens a file alone too
    _net: Network | None = None
    _images: ImageSet | None = None
    _worker: Job | None = None
    _sync_lock = threading.RLock()  # each instance gets its own; this one serves while it is being made

    def __init__(self, net: Network, **unknown: Any):
        if unknown:
            raise TypeError(self._why_unknown(next(iter(unknown))))
        if not isinstance(net, self._takes):
            raise TypeError(
                f"{type(self).__name__} needs a Network; wrap the {type(net).__name__}: Network(model, ...)."
            )
        self._net = net
        self._links: list[t.link] = []
        self._sync_lock = threading.RLock()
        self._worker = Job(self._publish, self._tell)
        super().__init__(_uid=uuid.uuid4().hex)

    # ---------------------------------------------------------------- for users

    @property
    def network(self) -> Network:
        """The network; raises once the widget is closed."""
        if self._net is None:
            raise RuntimeError(f"This {type(self).__name__} is closed; make a new one.")
        return self._net

    def wait(self) -> None:
        """Finish the work here and now; raise what went wrong."""
        self.network  # noqa: B018  says so if the widget is closed
        self._worker.wait()

    def cancel(self) -> None:
        """Stop the work; what was computed stays."""
        self._worker.cancel()

    def resume(self) -> None:
        """Go on where `cancel` stopped."""
        self.network  # noqa: B018
        if self._worker.resumable:
            self._worker.resume()
        elif self._worker.status in ("cancelled", "error"):
            self._restart()

    def refresh(self) -> None:
        """Compute anew what is shown, as the weights of the network have changed: in training, say.

        The page or `wait` drives it. A selection stays.
        """
        self.network  # noqa: B018
        self._forget_weights()
        self._restart()

    def close(self) -> None:
        """Stop the work, unlink, and let go of the network and the images."""
        if self._net is not None:
            self._worker.close()
            for link in self._links:
                link.unlink()
            self._links.clear()
            self._release()
            self._net = None
        super().close()

    def to_html(
        self, path: str | Path, *, title: str | None = None, max_mb: float = 25.0, layers: Any = ()
    ) -> Path:
        """Write one HTML file of about `max_mb` at most that shows this widget with no kernel and no network.

        What was computed stays explorable; `layers` ("all" or names) are computed too, where the widget shows one of
        several. What does not fit is left out, and the page and a warning say so. The file contains the images that
        the widget shows.
        """
        from .export import write_html  # noqa: PLC0415

        self.network  # noqa: B018
        return write_html(path, [self], title=title or type(self).__name__, max_mb=max_mb, layers=layers)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._summary())})"

    # ---------------------------------------------------------------- for subclasses

    def _summary(self) -> Iterator[str]:
        """Yield the parts of the repr; stable, so that notebooks can be compared."""
        yield from ()

    def _work(self) -> Iterator[Any] | None:
        """Return the generator that computes what the widget shows now, None where nothing is to do."""
        return None

    def _publish(self, result: Any) -> None:
        """Show one result of the work."""

    def _forget_weights(self) -> None:
        """Drop what was computed with the weights as they were."""

    def _release(self) -> None:
        """Drop what holds on to images or arrays."""

    def _complete(self) -> None:
        """Compute what a page with a kernel would ask for by itself, before the widget is saved without one."""

    def _others(self, layers: Any) -> Iterator[Widget]:
        """Yield, finished, what this widget would show of other layers; each is closed by who asked."""
        yield from ()

    def _omitted(self) -> list[str]:
        """Name what did not fit into `_max_mb` of a saved page, after `_complete`."""
        return []

    def _instead(self, words: str) -> dict[str, Any]:
        """Return what the page is told where something of `_spare` was left out of it."""
        return {}

    def _answer(self, what: str, content: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        """Answer a request of the page with a dict and buffers; raise ValueError for what cannot be answered."""
        raise ValueError(f"{type(self).__name__} has no {what!r} to give.")

    def _restart(self) -> None:
        """Start over with what the traits say now; a page or `wait` will drive it."""
        if self._net is None:
            return
        work = self._work()
        if work is not None:
            with self.hold_sync():
                self.progress, self._doing = 0.0, ""
                self._worker.start(work)
            _pace.asked()

    def _follow(self, other: Any, name: str) -> None:
        """Share a trait with a widget that was given in place of a value; anything else is left alone."""
        if isinstance(other, t.HasTraits) and other.has_trait(name):
            self._links.append(t.link((other, name), (self, name)))

    # ---------------------------------------------------------------- the page

    def _tell(self) -> None:
        worker = self._worker
        with self.hold_sync():
            self._job = worker.number
            self.error = "" if worker.exception is None else _sentence(worker.exception)
            if worker.status == "done":
                self.progress = 1.0
            self.status = worker.status

    def _handle_custom_msg(self, content: Any, buffers: Any) -> None:
        """Serve one message of the page; a malformed or stale one is answered and changes nothing."""
        rid = content.get("rid") if isinstance(content, dict) else None
        if not isinstance(rid, int) or isinstance(rid, bool):
            return  # no address to answer to
        try:
            _sendable(content)
            reply, data = self._serve(content)
        except Exception as error:  # noqa: BLE001  an exception in a message handler would vanish unseen
            reply, data = {"ok": False, "reason": _sentence(error)}, []
        self.send({"type": "reply", "rid": rid, "job": self._job, "status": self.status, **reply}, data)

    def _serve(self, content: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        kind = content.get("type")
        if self._net is None:
            raise RuntimeError(f"This {type(self).__name__} is closed; make a new one.")
        if kind == "step":
            number = content.get("job")
            if not isinstance(number, int):
                raise ValueError("A step names its job by a number.")
            self._worker.step(number, _pace.budget())
            return {"ok": True}, []
        _pace.asked()
        if kind == "cancel":
            self.cancel()
        elif kind == "resume":
            self.resume()
        elif kind == "retry":
            self._restart()
        elif kind == "request":
            reply, data = self._answer(str(content.get("what")), content)
            return {"ok": True, **reply}, data
        else:
            raise ValueError(f"There is no message of type {kind!r}.")
        return {"ok": True}, []

    def send_state(self, key: Any = None) -> None:
        """Read and send values under one lock, so that the newest value is also the last one sent."""
        with self._sync_lock:
            super().send_state(key)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take values from the page; put back and explain what is refused, put back what is the kernel's to set."""
        _pace.asked()
        given = {name: value for name, value in sync_data.items() if name in self.keys and self._may_set(name)}
        back = [name for name in sync_data if name in self.keys and name not in given]
        try:
            _sendable(given)
            super().set_state(given)
        except Exception as error:  # noqa: BLE001  whatever a page sends, an exception here would vanish unseen
            back += given
            self.send({"type": "refused", "reason": _sentence(error)})
        if back:
            self.send_state(back)

    def _may_set(self, name: str) -> bool:
        """Return whether the page may set a trait: what is private or reports on the work is the kernel's."""
        return name in self._page_sets or not (name.startswith("_") or name in ("status", "progress", "error"))

    @classmethod
    def _why_unknown(cls, name: str) -> str:
        names = [key for key in cls._keywords() if not key.startswith("_")]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        return f"{cls.__name__} has no keyword {name!r}{hint} It takes {', '.join(names)}."

    @classmethod
    def _keywords(cls) -> list[str]:
        code = cls.__init__.__code__
        return list(itertools.islice(code.co_varnames, 1, code.co_argcount + code.co_kwonlyargcount))


class ImageWidget(Widget):
    """Base of the widgets that look at one of several images.

    Attributes
    ----------
    image : int
        Which image, counted from 0.
    images : ImageSet or None
    """

    image = ImageIndex(0, help="Index of the image.").tag(sync=True)
    _image = t.Dict().tag(sync=True)

    @property
    def images(self) -> ImageSet | None:
        """The images to choose from; set it to anything that `ImageSet` takes."""
        return self._images

    @images.setter
    def images(self, images: Any) -> None:
        self.network  # noqa: B018  says so if the widget is closed
        self._images, self._image = as_images(images), {}
        self._forget_images()
        if self.image >= len(self._images):
            self.image = 0
        else:
            self._restart()

    def _forget_images(self) -> None:
        """Drop what was computed of the images that were there before."""

    def _forget_weights(self) -> None:
        self._forget_images()

    def _describe(self, index: int, picture: Picture, height: int, width: int) -> None:
        """Tell the page which image it shows, and its size as the network's input."""
        self._image = {"index": index, "name": picture.name, "label": picture.class_name,
                       "count": len(self._images or ()), "height": height, "width": width}


def _sendable(value: Any) -> None:
    """Raise ValueError for what could never be sent back: NaN, infinity, half a letter."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"A page sends finite numbers; this is {value}.")
    if isinstance(value, str) and not value.isascii():
        value.encode()  # UnicodeEncodeError is a ValueError
    for part in (*value, *value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ():
        _sendable(part)


def _sentence(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    expected = isinstance(error, (ValueError, RuntimeError, t.TraitError, TypeError, LookupError))
    return text if expected else f"{type(error).__name__}: {text}"
