"""Indexing on several machines: the stages of a run on a Ray cluster. Importing imports no Ray."""

from indexer.distributed.engine import RayEngine, RayRun, Work

__all__ = ["RayEngine", "RayRun", "Work"]
