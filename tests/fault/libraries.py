"""Imports what an index run needs, before the fork server forks: some of it is imported late."""

import milvus_lite.adapter.grpc.server
import pyarrow.dataset
import pyarrow.parquet
import pymilvus

import search.encoders.open_clip_encoder
import search.store.milvus
from search.encoders.torchvision_ops import import_torchvision

import_torchvision()

import open_clip  # noqa: E402
import timm  # noqa: E402

__all__ = ["milvus_lite", "open_clip", "pyarrow", "pymilvus", "search", "timm"]
