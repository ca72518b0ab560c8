"""Which engine scores an image, and why: crops where they save work, else whole images through a folded copy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from ...network import Network
from . import check
from .dense import Answer, Plain, joined, looped, painted
from .engine import Image, Incremental, Plan
from .features import Reader
from .prepared import Prepared, prepared
from .tuner import Speed, Tuner
from .workers import Pausing, Together, shares

_HEAD = 256  # images whose features wait for the head
_SHARE, _WORK = 12, 10_000_000_000  # positions, and operations of whole images, that are worth a worker
_AT_ONCE = 32  # whole images that a worker begins with; fewer of them are in large maps at once
WORTH = 1.15  # the least gain, by count of operations, for which crops are taken
_WHOLE = "so every position is a pass through the whole network"
Boxes = list[tuple[int, int, int, int]]


@dataclass(eq=False)
class Engines:
    """The ways to score one clean image, whatever the fill.

    Attributes
    ----------
    readers : dict of str to Reader
        How the maps of layers are followed.
    batch : callable
        Returns, for the number of a worker, what runs whole images (P, C, H, W) up to where the head begins.
    head : callable
        Makes scores of that, for many batches at once.
    image : Image or None
        What crops are cut from; None where only whole images will do.
    holds : tuple
        What takes memory, each with its `bytes`.
    forced : bool
        Whether crops are taken without a gain.
    why : str
        The reason for the engine, in one sentence.
    share : int
        Positions that are worth a worker; 0 where workers may not run side by side.
    speed : Speed
        Of the positions of this network so far, also of those of other images.
    tuner : callable
        Makes what chooses how many whole images a worker runs at once.
    """

    readers: dict[str, Reader]
    batch: Callable[[int], Callable[[Tensor], Pausing[Answer]]]
    head: Callable[[Tensor], Tensor]
    why: str
    holds: tuple[Plan | Image | Plain, ...]
    image: Image | None = None
    forced: bool = False
    share: int = 0
    speed: Speed = field(default_factory=Speed)
    tuner: Callable[[], Tuner] = Tuner
    _tuners: list[Tuner] = field(default_factory=list)

    @property
    def held_bytes(self) -> int:
        """Memory of the copied weights, the clean maps, and the largest values that have been run."""
        return sum(held.bytes for held in self.holds)

    def whole(self, count: int, images: Callable[[int, int], Tensor]) -> Together[Answer, Answer]:
        """Begin to score `count` whole images; `images(start, stop)` makes them."""
        parts = shares(count, self.share) if self.share else [slice(0, count)]
        self._tuners += [self.tuner() for _ in parts[len(self._tuners) :]]
        return Together([self._share(worker, part, images) for worker, part in enumerate(parts)], joined)

    def _share(self, worker: int, part: slice, images: Callable[[int, int], Tensor]) -> Pausing[Answer]:
        batch, answers = self.batch(worker), []
        for start in range(part.start, part.stop, _HEAD):
            count = min(_HEAD, part.stop - start)
            features, sums = yield from looped(count, partial(_shifted, images, start), batch, self._tuners[worker])
            answers.append((self.head(features), sums))
        return joined(answers)

    def boxes(self, x: Tensor, filled: Tensor, boxes: Boxes) -> Together[Answer, Answer]:
        """Begin to score an image with each box hidden; operations are counted, which may end the use of crops."""
        if self.image is None:
            return self.whole(len(boxes), lambda a, b: painted(x, filled, boxes[a:b]))
        parts = shares(len(boxes), self.share) if self.share else [slice(0, len(boxes))]
        engines = [Incremental(self.image.worker(index), filled, self.readers) for index in range(len(parts))]
        order = sorted(range(len(boxes)), key=boxes.__getitem__)  # neighbours to the same worker, in whatever order
        back = torch.tensor(order).argsort()
        works = [engine.hidden([boxes[index] for index in order[part]])
                 for engine, part in zip(engines, parts, strict=True)]

        def end(answers: list[Answer]) -> Answer:
            gain = _gained(engines)
            if gain < WORTH and not self.forced:
                self.image = None
                self.why = f"Crops save {max(0.0, 1 - 1 / gain):.0%} of the operations, {_WHOLE}."
            features, sums = joined(answers)
            scores = self.head(features)  # once for all: it reads its weights anew every time
            return scores[back], {name: value[back] for name, value in sums.items()}

        return Together(works, end)


def _gained(engines: Sequence[Incremental]) -> float:
    """How many times fewer operations crops took than whole images would have."""
    spent = sum(engine.spent for engine in engines)
    return sum(engine.unspared for engine in engines) / spent if spent else 1.0


def _shifted(images: Callable[[int, int], Tensor], by: int, start: int, stop: int) -> Tensor:
    return images(by + start, by + stop)


def _nothing(scores: Tensor) -> Tensor:
    """Stand for the head of an engine whose batches answer with scores."""
    return scores


def choose(
    net: Network, x: Tensor, filled: Tensor, clean: Tensor, readers: dict[str, Reader], *, exact: bool, engine: str
) -> Engines:
    """Choose the engine for an image, of which `clean` (classes,) are the scores.

    Raises
    ------
    NetworkError
        If the network gives the same image other scores each time.
    """
    if net.altered:  # the copies know nothing of switches
        why = f"Some units of the network are switched, {_WHOLE}."
        itself = Plain(net, None, readers)
        return Engines(readers, lambda _: itself.scores, _nothing, why, (itself,))
    kept = prepared(net)
    plan, image = _followed(net, kept, x, clean, readers, exact)
    if image is None and isinstance(plan, Plan):  # the copies may be of weights that are no more
        check.refuse_random(net, x, clean)
        kept = prepared(net, anew=True)
        plan, image = _followed(net, kept, x, clean, readers, exact)
    key = (tuple(readers), exact, engine, tuple(x.shape))
    if key not in kept.verdicts:
        kept.verdicts[key] = _judged(net, kept, image, x, filled, clean, readers)
    verdict = kept.verdicts[key]
    speed = kept.speeds.setdefault(key, Speed())
    if verdict != "followed" or image is None:
        return _plain(net, kept, readers, verdict, plan, speed)
    cpu = net.device.type == "cpu"
    share = max(_SHARE, _WORK // image.work) if cpu else 0
    followed = partial(Engines, readers, lambda worker: Incremental(image.worker(worker), filled, readers).features,
                       Incremental(image, filled, readers).head, holds=(image.plan, image), share=share, speed=speed,
                       tuner=partial(Tuner, _AT_ONCE if cpu else 4))
    if engine == "dense":
        return followed(why="Asked for: every position is a pass through the whole network.")
    if engine == "auto" and not cpu:
        why = f"On {net.device.type} crops are too small to pay, {_WHOLE}."
        return followed(why=why)
    why = "Only what a patch changes is computed anew, in crops of the maps."
    return followed(why=why, image=image, forced=engine == "incremental")


def _followed(
    net: Network, kept: Prepared, x: Tensor, clean: Tensor, readers: dict[str, Reader], exact: bool
) -> tuple[Plan | str, Image | None]:
    """Take the network apart and run the clean image through the parts; no image where that gives other scores."""
    if any(reader.layout.batch is None for reader in readers.values()):
        return "a layer that is followed folds the images of a batch together", None
    plan = kept.plan(net, list(readers), exact)
    if isinstance(plan, str):
        return plan, None
    try:
        image = Image(plan, x)
    except (RuntimeError, TypeError, ValueError, IndexError, KeyError, AttributeError, AssertionError):
        return plan, None
    scores = image.env[plan.answer]
    same = isinstance(scores, Tensor) and check.difference(scores.reshape(-1), clean) <= check.TOLERANCE
    return plan, image if same else None


def _judged(
    net: Network, kept: Prepared, image: Image | None, x: Tensor, filled: Tensor, clean: Tensor,
    readers: dict[str, Reader],
) -> str:
    """Compare the engines with the network itself on a few random positions."""
    boxes = check.random_boxes(x.shape[1], x.shape[2])
    wanted = check.truth(net, x, filled, boxes)
    if check.difference(wanted[0], clean) > check.TOLERANCE:
        check.refuse_random(net, x, clean)
        return "alone"
    if image is not None:
        engine = Incremental(image, filled, readers)
        off = max(check.agrees(lambda some: engine(some)[0], wanted[1:], boxes),
                  check.agrees(lambda some: engine.whole(painted(x, filled, some))[0], wanted[1:], boxes))
        if off <= check.TOLERANCE:
            return "followed"
        warnings.warn(f"Crops give scores that are off by {off:.2g} for {net.name!r}, {_WHOLE}.", stacklevel=5)
    plain = Plain(net, kept.copy(net), {})
    off = check.agrees(lambda some: plain(painted(x, filled, some))[0], wanted[1:], boxes)
    return "copied" if off <= check.TOLERANCE else "itself"


def _plain(
    net: Network, kept: Prepared, readers: dict[str, Reader], verdict: str, plan: Plan | str, speed: Speed
) -> Engines:
    if verdict == "alone":
        why = "What the network answers to an image depends on the others of its batch, so each goes through alone."
        itself = Plain(net, None, readers)
        return Engines(readers, lambda _: itself.scores, _nothing, why, (itself,), speed=speed, tuner=_one)
    reason = plan if isinstance(plan, str) else "they gave other scores than the network itself"
    why = f"The network's operations cannot be followed one by one ({reason}), {_WHOLE}."
    alone = any(reader.layout.batch is None for reader in readers.values())
    loop = Plain(net, kept.copy(net) if verdict == "copied" else None, readers)
    return Engines(readers, lambda _: loop.scores, _nothing, why, (loop,), speed=speed,
                   tuner=_one if alone else Tuner)


def _one() -> Tuner:
    return Tuner(most=1)
