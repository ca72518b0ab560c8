"""Scores of an image with patches hidden: exact, and as fast as what changes in the network allows."""

from .evaluator import Evaluator, evaluator
from .forecasts import Forecast, forecast

__all__ = ["Evaluator", "Forecast", "evaluator", "forecast"]
