"""Engines that lay rows out in one go: scikit-learn, UMAP, cuML, any object with `fit_transform`, given positions."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import numpy as np

from ...words import count, kind_of, no_such, size
from .jobs import cores
from .settings import Settings, is_positions

ENGINES = ("opentsne", "sklearn", "pca", "umap", "cuml")
_INSTALL = {
    "umap": "pip install umap-learn",
    "cuml": "pip install cuml-cu12 --extra-index-url=https://pypi.nvidia.com",
}
_NAMES = {
    "opentsne": "t-SNE", "sklearn": "t-SNE of scikit-learn", "pca": "PCA", "umap": "UMAP", "cuml": "t-SNE of cuML",
}


def name_of(engine: Any) -> str:
    """Return what an engine is called on a map."""
    if isinstance(engine, str):
        return _NAMES[engine]
    return "given positions" if is_positions(engine) else type(engine).__name__


def as_engine(engine: Any) -> Any:
    """Return the name of an engine, an object with `fit_transform`, or given positions; raise for anything else.

    Raises
    ------
    ValueError
        For an unknown name.
    ImportError
        For an engine that is not installed; the message holds the line that installs it.
    TypeError
        For anything else.
    """
    if isinstance(engine, str):
        known = engine.lower()
        if known not in ENGINES:
            raise ValueError(no_such("engine", engine, ENGINES))
        if known in _INSTALL:
            _import(known)
        return known
    if isinstance(engine, type):
        raise TypeError(f"An engine is an object; this is the class {engine.__name__}, so write {engine.__name__}().")
    if callable(getattr(engine, "fit_transform", None)) or hasattr(engine, "__array__") or isinstance(engine, list):
        return engine
    raise TypeError(
        f"An engine is one of {', '.join(map(repr, ENGINES))}, an object with fit_transform, or positions (N, 2); "
        f"this is {kind_of(engine)}."
    )


def _import(engine: str) -> Any:
    try:
        return importlib.import_module(engine)
    except ImportError as error:
        raise ImportError(f"The engine {engine!r} is not installed; {_INSTALL[engine]}") from error


def fitted(values: np.ndarray, settings: Settings) -> tuple[Any, np.ndarray, float | None]:
    """Lay rows (N, F) out and return the fitted engine, positions (N, 2) float32 and the KL divergence if it has one.

    Raises
    ------
    ValueError
        If the engine returns something else than two finite numbers a row.
    """
    engine = settings.engine
    made = _made(values, settings) if isinstance(engine, str) else engine
    found = made.fit_transform(values)
    if hasattr(found, "get"):  # arrays of cuML live on the GPU
        found = found.get()
    positions = np.asarray(found, dtype=np.float32)
    what = name_of(engine)
    if positions.shape != (len(values), 2):
        raise ValueError(
            f"{what} returned an array of {size(positions.shape)}; a map takes {count(len(values))} × 2 numbers."
        )
    if not np.isfinite(positions).all():
        raise ValueError(f"{what} returned NaN or infinite positions.")
    divergence = getattr(made, "kl_divergence_", None)
    return made, positions, None if divergence is None else float(divergence)


def _made(values: np.ndarray, settings: Settings) -> Any:
    engine = settings.engine
    if engine == "pca":
        from sklearn.decomposition import PCA  # noqa: PLC0415  scikit-learn takes a second to import

        return _Wide(PCA(2, random_state=settings.seed))
    if engine == "umap":
        return _import("umap").UMAP(random_state=settings.seed, n_neighbors=min(15, len(values) - 1), n_jobs=1)
    if engine == "cuml":
        manifold: Any = importlib.import_module("cuml.manifold")
    else:
        manifold = importlib.import_module("sklearn.manifold")
    start = settings.start if values.shape[1] > 1 else "random"
    extra = {"init": start, "n_jobs": cores()} if engine == "sklearn" else {}
    if settings.iterations is not None:
        known = inspect.signature(manifold.TSNE).parameters
        extra["max_iter" if "max_iter" in known else "n_iter"] = max(250, settings.iterations)  # its least
    return manifold.TSNE(
        perplexity=settings.perplexity, random_state=settings.seed,
        early_exaggeration=settings.early_exaggeration, **extra,
    )


class _Wide:
    """An engine for two columns at least: a single one gets a second of zeros."""

    def __init__(self, engine: Any):
        self.engine = engine

    def fit_transform(self, values: np.ndarray) -> np.ndarray:
        return self.engine.fit_transform(_two(values))

    def transform(self, values: np.ndarray) -> np.ndarray:
        return self.engine.transform(_two(values))


def _two(values: np.ndarray) -> np.ndarray:
    return values if values.shape[1] > 1 else np.concatenate([values, np.zeros_like(values)], 1)
