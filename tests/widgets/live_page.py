"""A page that sends frames, as the sketchpad and the webcam do."""

from __future__ import annotations

import io

from fake_page import FakePage
from PIL import Image


class LivePage(FakePage):
    """Sends pixels and keeps what comes back."""

    def frame(self, pixels=None, *, data=None, codec="raw", **more):
        """Send one frame; return the reply."""
        self.rid += 1
        data = pixels.tobytes() if data is None else data
        shape = list(pixels.shape) if pixels is not None else [1, 1, 1]
        message = {"rid": self.rid, "type": "request", "what": "frame", "codec": codec, "shape": shape, **more}
        self.widget._handle_custom_msg(message, [data])
        return next(reply for reply, _ in self.sent if reply.get("rid") == self.rid)


def coded(pixels, kind="jpeg"):
    """Code a picture as a page does."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()
