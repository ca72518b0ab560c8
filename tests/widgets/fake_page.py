"""A page that speaks the protocol of the real one, and unpacks what it gets as that does."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


class FakePage:
    """Sends a widget the messages of a page and keeps what comes back."""

    def __init__(self, widget):
        self.widget, self.sent, self.rid = widget, [], 100
        widget.send = lambda content, buffers=None: self.sent.append((content, buffers or []))

    def send(self, content):
        self.widget._handle_custom_msg(content, [])

    def ask(self, **content):
        self.rid += 1
        self.send({"rid": self.rid, **content})
        return next(reply for reply in self.sent if reply[0].get("rid") == self.rid)

    def pump(self):
        """Steps until the work has ended, as the page does."""
        steps = 0
        while self.widget.status == "running":
            self.ask(type="step", job=self.widget._job)
            steps += 1
        return steps


def tiles_of(maps):
    """Unpacks the tiles as the page does: (C, h, w) values, from uint8 and the channel's own range."""
    meta = maps._tiles_meta
    low, high = np.frombuffer(maps._stats, "<f4").reshape(6, -1)[:2]
    if meta["codec"] == "raw":
        grey = np.frombuffer(maps._tiles, np.uint8).reshape(meta["shape"])
    else:
        sheet = np.asarray(Image.open(io.BytesIO(maps._tiles)))
        (ch, cw), columns = meta["cell"], sheet.shape[1] // meta["cell"][1]
        c, h, w = meta["shape"]
        grey = np.stack([sheet[i // columns * ch :, i % columns * cw :][:h, :w] for i in range(c)])
    return low[:, None, None] + grey / 255.0 * (high - low)[:, None, None]


def map_of(maps):
    return np.frombuffer(maps._map, "<f4").reshape(maps._map_meta["shape"])
