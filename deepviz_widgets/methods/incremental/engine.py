"""Walks a network's graph for a zone of positions at once, with crops instead of maps as long as crops are smaller."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from itertools import accumulate
from threading import Lock
from typing import Any

import torch
from torch import Tensor, fx, nn

from . import fused
from .dense import Answer, joined
from .features import Reader
from .geometry import Axis, Window, zones
from .ops import HEAD, leaves_alone, makes_new, over, rule_of
from .rests import Rest, Waiting
from .trace import Traced, attribute, call
from .values import Box, gather, padded, whole
from .workers import Pausing, drained
from .workspace import Workspace

BYTES = 16 << 20  # of the largest value of a zone: more falls out of the processor's cache
ROOM = 8 << 20  # of the largest of the whole maps that run together
_LEAST, _MOST = 4, 64  # positions a zone
_MARGIN = 16  # cells by which what a patch changes grows on the way to the largest value, as a guess
_TOGETHER = 100  # positions that deep layers run for at once, at most
_PAIR = 2  # positions at least: of one alone it cannot be told which axis is that of the positions
_TOUCHED = 64.0  # operations that take as long as it takes to write a value and read it again
_AT_ONCE = 3  # values of about the largest size that are in memory
_HEAD_BYTES = 64 << 20  # of features kept until the head runs on all of them


@dataclass(eq=False)
class Step:
    """One operation or a chain of them, how it acts on crops, and what is of no use after it."""

    node: fx.Node
    module: nn.Module | None
    rule: Callable[..., Any] | None
    chain: tuple[fx.Node, ...] = ()  # the nodes up to `node`, where it stands for several
    free: tuple[fx.Node, ...] = ()
    cost: float = _TOUCHED  # operations for each value of the answer
    temporary: int = 0  # bytes of what lies between the operations of a chain
    spent: frozenset[fx.Node] = frozenset()  # inputs that nobody reads after it and that may be overwritten
    activation: str = "none"  # what a convolution does to its answer
    cache: dict[str, Any] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    @property
    def first(self) -> fx.Node:
        """The operation that reads what the step reads."""
        return (self.chain or (self.node,))[0]

    @property
    def sources(self) -> list[fx.Node]:
        """What it reads."""
        return self.first.all_input_nodes


class Plan:
    """What is the same for all images of one size: the steps, which values depend on the image, and the head."""

    def __init__(self, traced: Traced, kept: Mapping[str, fx.Node], *, exact: bool):
        self.traced, self.exact, self.kept = traced, exact, dict(kept)
        self.modules = dict(traced.root.named_modules())
        self.input = next(node for node in traced.graph.nodes if node.op == "placeholder")
        self.answer = traced.answer
        self.depends = self._dependent()
        self.steps = self._steps()
        for step in self.steps:
            step.cost *= max(1, len(step.chain))
            if isinstance(step.module, (nn.Conv2d, nn.Linear)):
                step.cost += 2 * step.module.weight[0].numel()
        self.named: dict[fx.Node, list[str]] = {}  # a block and its last part answer the same
        for name, node in self.kept.items():
            self.named.setdefault(node, []).append(name)
        self.cut = self._head()
        self.vectors = self.steps[self.cut - 1].node if self.cut else self.input  # what the head reads
        self._free()

    @property
    def bytes(self) -> int:
        """Memory of the copied weights, and of what convolutions have made of theirs."""
        weights = sum(tensor.nbytes for tensor in (*self.traced.root.parameters(), *self.traced.root.buffers()))
        packed = sum(step.cache["packed"].bytes for step in self.steps if "packed" in step.cache)
        tiled = sum(made.nbytes for step in self.steps for made in list(step.cache.get("winograd", {}).values()))
        return weights + packed + tiled

    def _dependent(self) -> set[fx.Node]:
        found = {self.input}
        for node in self.traced.graph.nodes:
            if node.op.startswith("call_") and any(source in found for source in node.all_input_nodes):
                found.add(node)
        return found

    def _steps(self) -> list[Step]:
        """Return the operations that depend on the image, in order; those that run as one are one step."""
        found: dict[fx.Node, Step] = {}
        nodes = [node for node in self.traced.graph.nodes if node.op.startswith("call_") and node in self.depends]
        for node in nodes:
            found[node] = Step(node, self.modules.get(str(node.target)) if node.op == "call_module" else None,
                               rule_of(node, self.modules))
        for node in nodes:
            chain = fused.chain(node, self.modules, self.kept.values())
            if chain and self.depends.issuperset(node.all_input_nodes):
                found[chain[-1]].chain, found[chain[-1]].rule = chain, fused.rule(chain, self.modules)
                for inner in chain[:-1]:
                    del found[inner]
        for node in nodes if not self.exact else ():
            name = fused.activation(node, self.modules, self.kept.values())
            if name and node in found and not found[node].chain:
                step, before = found[next(iter(node.users))], found.pop(node)
                step.chain, step.activation = (node, step.node), name
                step.rule, step.module = before.rule, before.module
        return list(found.values())

    def _head(self) -> int:
        """Find where the head begins: operations on vectors, which run once for all positions."""
        kept, index = set(self.kept.values()), len(self.steps)
        node = self.answer
        while index and node is self.steps[index - 1].node and node not in kept:
            if not HEAD(node, self.modules) or len(node.all_input_nodes) != 1 or self.steps[index - 1].chain:
                break
            source = node.all_input_nodes[0]
            if len(source.users) > 1 or source not in self.depends:
                break
            node, index = source, index - 1
        return index

    def _free(self) -> None:
        last: dict[fx.Node, Step] = {}
        for step in self.steps:
            for source in step.sources:
                last[source] = step
        at_end = {self.answer, *self.kept.values()}
        for step in self.steps:  # what nobody reads, such as a size that was unpacked with others
            last.setdefault(step.node, step)
        for source, step in last.items():
            if source not in at_end:
                step.free += (source,)
        for step in self.steps:
            step.spent = frozenset(
                source for source in step.free
                if source in self.depends and makes_new(source, self.modules)
                and all(user is step.node or leaves_alone(user, self.modules) for user in source.users)
            )


class Image:
    """The clean image: what every operation answers to it, and the maps that crops are cut from."""

    def __init__(self, plan: Plan, x: Tensor):
        self.plan, self.x = plan, x
        self.env: dict[Any, Any] = {plan.input: x[None].contiguous(memory_format=torch.channels_last)}
        self._maps: dict[Any, Tensor] = {}
        self.most = 0  # bytes of the largest value that positions took
        self.workspace = Workspace()
        self._workers = [self]
        for node in plan.traced.graph.nodes:
            if node.op == "get_attr":
                self.env[node] = attribute(plan.traced.root, str(node.target))
            elif node.op.startswith("call_"):
                self.env[node] = call(node, plan.modules, self.env)
        self._measure()

    @property
    def bytes(self) -> int:
        """Memory of all clean maps and buffers, and of the values while positions run: about three at a time."""
        tensors = (*self.env.values(), *self._maps.values())
        known = {value.untyped_storage().data_ptr(): value.untyped_storage().nbytes()
                 for value in tensors if isinstance(value, Tensor)}
        return sum(known.values()) + sum(one.workspace.bytes + _AT_ONCE * one.most for one in self._workers)

    def worker(self, index: int) -> Image:
        """Return the same maps with buffers for a thread of its own."""
        while len(self._workers) <= index:
            other = copy(self)
            other.workspace = Workspace()
            self._workers.append(other)
        return self._workers[index]

    def map(self, node: fx.Node, last: bool = False) -> Tensor:
        """Return the clean map of a node as (H, W, C), contiguous."""
        key = (node, last)
        if key not in self._maps:
            value = self.env[node][0]
            self._maps[key] = (value if last else value.permute(1, 2, 0)).contiguous()
        return self._maps[key]

    def padded(self, node: fx.Node, last: bool, y: Window, x: Window, value: float) -> Tensor:
        """Return the clean map with the padding that windows read."""
        key = (node, last, y.before, y.after, x.before, x.after, value)
        if key not in self._maps:
            self._maps[key] = padded(self.map(node, last), y.before, y.after, x.before, x.after, value)
        return self._maps[key]

    def room(self, at: int) -> int:
        """How many positions are enough to go on with from a step: more would not fit into the processor's cache."""
        if self.x.device.type != "cpu":
            return _TOGETHER
        return min(_TOGETHER, max(_PAIR, ROOM // max(1, self._largest[at])))

    def stop(self, at: int) -> int:
        """Up to which step positions go on from another: to where maps are so much smaller that more run together."""
        return next((start for start in self._starts if start > at), self.plan.cut)

    def _measure(self) -> None:
        """Find the largest map from each step on, and the steps at which there are only maps of half the size."""
        sizes = [value.nbytes if isinstance(value := self.env[step.node], Tensor) else 0 for step in self._steps]
        self._largest = list(accumulate(reversed([*sizes, 0]), max))[::-1]
        live, at, self._starts = {self.plan.input}, 0, []
        for index, step in enumerate(self._steps):
            held = sum(value.nbytes for node in live if isinstance(value := self.env[node], Tensor))
            if max(held, self._largest[index]) * 2 <= self._largest[at]:
                self._starts.append(at := index)
            live = (live | {step.node}) - set(step.free)

    def guess(self, boxes: list[tuple[int, int, int, int]]) -> int:
        """About how many bytes the largest value will take for one of these positions."""
        high, wide = (max(box[axis + 2] - box[axis] for box in boxes) + _MARGIN for axis in (0, 1))
        return int(self._largest[0] * min(1.0, high / self.x.shape[1]) * min(1.0, wide / self.x.shape[2]))

    @property
    def work(self) -> int:
        """About how many operations one whole image takes."""
        return 1 + int(sum(value.numel() * step.cost for step in self.plan.steps
                           if isinstance(value := self.env[step.node], Tensor)))

    @property
    def _steps(self) -> list[Step]:
        return self.plan.steps[: self.plan.cut]

    def total(self, node: fx.Node, last: bool) -> Tensor:
        """Return the sum over the clean map for each channel, (C,)."""
        key = (node, last, "total")
        if key not in self._maps:
            self._maps[key] = self.map(node, last).sum((0, 1))
        return self._maps[key]


class Incremental:
    """Scores an image with boxes hidden by following what changes."""

    def __init__(self, image: Image, filled: Tensor, readers: Mapping[str, Reader]):
        self.image, self.filled, self.readers = image, filled, readers
        self.plan = image.plan
        self.most = self.largest = 0
        self.spent = self.unspared = 0.0  # operations, and those that whole images would have taken

    def __call__(self, boxes: list[tuple[int, int, int, int]]) -> Answer:
        """Return the raw scores (P, classes) of the image with each box hidden, and the sums of layers' maps."""
        features, sums = drained(self.hidden(boxes))
        return self.head(features), sums

    def hidden(self, boxes: list[tuple[int, int, int, int]]) -> Pausing[Answer]:
        """Return what the head reads with each box hidden, and the sums of layers' maps; pause after each operation."""
        waiting = self._waiting()
        begun: set[tuple[int, int, int, int]] = set()
        self.most = self.most or _in_cache(self.image.guess(boxes))
        todo = zones(boxes, self.most)
        while todo:
            zone = yield from self._zone(*todo.pop(0))
            yield from waiting.add(zone)
            begun.update(zone.boxes)
            if self._settle(len(zone.boxes)) and todo:
                todo = zones([box for box in boxes if box not in begun], self.most)
        return self._answer((yield from waiting.finished()), boxes)

    def whole(self, batch: Tensor) -> Answer:
        """Score whole images (P, C, H, W) through the same folded copy."""
        features, sums = drained(self.features(batch))
        return self.head(features), sums

    def features(self, batch: Tensor) -> Pausing[Answer]:
        """Return what the head reads of whole images (P, C, H, W), and the sums of layers' maps; may pause."""
        images = batch.contiguous(memory_format=torch.channels_last)
        waiting = self._waiting()
        boxes = [(index, 0, 0, 0) for index in range(len(images))]
        yield from waiting.add(Rest(boxes, {self.plan.input: images}))
        return self._answer((yield from waiting.finished()), boxes)

    def _zone(self, rows: list[tuple[int, int]], columns: list[tuple[int, int]]) -> Pausing[Rest]:
        """Follow a zone of positions until all its maps are whole."""
        y, x = (Axis(tuple(a for a, _ in some), tuple(b for _, b in some), cells)
                for some, cells in ((rows, self.image.x.shape[1]), (columns, self.image.x.shape[2])))
        crop = gather(self.image.map(self.plan.input), y.start, y.length, x.start, x.length)
        view = crop.view(len(y), len(x), *crop.shape[1:])
        fill = self.filled.permute(1, 2, 0)
        for row, (top, bottom) in enumerate(rows):
            for column, (left, right) in enumerate(columns):
                to, at = top - y.start[row], left - x.start[column]
                view[row, column, to : to + bottom - top, at : at + right - left] = fill[top:bottom, left:right]
        boxes = [(top, left, bottom, right) for top, bottom in rows for left, right in columns]
        return (yield from self._walk(Rest(boxes, {self.plan.input: Box(crop, y, x)})))

    def _walk(self, rest: Rest, stop: int = 1) -> Pausing[Rest]:
        """Go on until other positions may join, at the step `stop` or later."""
        for step in self.plan.steps[rest.at : self.plan.cut]:
            if rest.at >= stop and rest.joins(self.image.env):
                break
            answer = rest.env[step.node] = self._do(step, rest.env)
            self._count(step, answer)
            for name in self.plan.named.get(step.node, ()):
                rest.sums[name] = self.readers[name].sums(self.full(step.node, answer))
            for source in step.free:
                rest.env.pop(source, None)
            rest.at += 1
            yield
        return rest

    def _waiting(self) -> Waiting:
        return Waiting(self.image.room, self.image.stop, self._walk)

    def _answer(self, done: list[Rest], boxes: list[tuple[int, int, int, int]]) -> Answer:
        """Return what the head reads of positions, and the sums of layers' maps, in the order of `boxes`."""
        order = {box: index for index, box in enumerate(box for rest in done for box in rest.boxes)}
        back = torch.tensor([order[box] for box in boxes])
        features, sums = joined([
            (self.full(self.plan.vectors, rest.env[self.plan.vectors]), rest.sums) for rest in done
        ])
        return features[back], {name: value[back] for name, value in sums.items()}

    def _count(self, step: Step, answer: Any) -> None:
        """Add up the operations of a step, and what they would be on the whole map."""
        self.largest = max(self.largest, _bytes(answer), step.temporary)
        self.image.most = max(self.image.most, self.largest)
        clean = self.image.env[step.node]
        if not isinstance(clean, Tensor) or not isinstance(answer, (Box, Tensor)):
            return
        values = answer.crop if isinstance(answer, Box) else answer
        self.spent += values.numel() * step.cost
        self.unspared += len(values) * clean.numel() * step.cost

    def _do(self, step: Step, env: dict[Any, Any]) -> Any:
        if step.rule is not None:
            answer = step.rule(step, self.image, env)
            if answer is not NotImplemented:
                return answer
        return self._plainly(step, env)

    def _plainly(self, step: Step, env: dict[Any, Any]) -> Any:
        values = {node: self.full(node, env[node]) if node in env else self.image.env[node] for node in step.sources}
        for node in step.sources:
            if node in env:
                env[node] = values[node]
        if step.chain and step.rule is not None:  # the parts are whole now
            answer = step.rule(step, self.image, values)
            if answer is not NotImplemented:
                return answer
        if not step.chain:
            there = over(step, values)
            if there is not None:
                return there
        for node in step.chain or (step.node,):
            values[node] = call(node, self.plan.modules, values)
        return values[step.node]

    def full(self, node: fx.Node, value: Any) -> Any:
        """Return a value as whole maps."""
        if isinstance(value, Box):
            return whole(value, self.image.map(node, value.last))
        return value

    def head(self, features: Tensor) -> Tensor:
        """Run the operations on vectors for all positions."""
        steps = self.plan.steps[self.plan.cut :]
        found = []
        size = max(1, _HEAD_BYTES // max(1, features[:1].nbytes))
        for some in features.split(size):
            env: dict[Any, Any] = {self.plan.vectors: some}
            for step in steps:
                env[step.node] = self._do(step, env)
            found.append(env[steps[-1].node] if steps else some)
        return torch.cat(found)

    def _settle(self, positions: int) -> bool:
        """Choose how many positions a zone has, by what the largest value took; tell whether that changed."""
        before, self.most = self.most, _in_cache(self.largest // positions)
        self.largest = 0
        return abs(math.isqrt(before) - math.isqrt(self.most)) > 0


def _in_cache(each: int) -> int:
    """Return how many positions a zone has whose largest value takes so many bytes for each of them."""
    return min(_MOST, max(_LEAST, BYTES // max(1, each)))


def _bytes(value: Any) -> int:
    value = value.crop if isinstance(value, Box) else value
    return value.nbytes if isinstance(value, Tensor) else 0
