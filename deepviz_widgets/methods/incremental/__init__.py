"""Scores of an image with patches hidden: exact, and as fast as what changes in the network allows."""

from .evaluator import Evaluator, evaluator

__all__ = ["Evaluator", "evaluator"]
