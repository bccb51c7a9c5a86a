"""Settings of vitrine, from arguments and VITRINE_* environment variables.

Built at the edge (a command, a server's start, a test) and handed down; never at import.
"""

import re
from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything that can be set, with its default. docs/configuration.md says more of each."""

    model_config = SettingsConfigDict(env_prefix="VITRINE_", frozen=True, extra="forbid")

    db: str = Field(
        ".vitrine/vitrine.db",
        min_length=1,
        description="Path of an embedded database, or a Milvus URL.",
    )
    db_token: SecretStr | None = Field(
        None, description="Token of the Milvus server or Zilliz Cloud."
    )
    db_timeout_s: float = Field(30.0, gt=0, description="Longest wait for one answer of Milvus.")
    collection: str = Field("products", description="Alias of the collection to read and write.")

    model: str | None = Field(
        None, description="Model to use; default: the collection's own, else mini."
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:N or mps.")
    precision: str = Field("auto", description="auto, fp32, fp16 or bf16.")

    batch_size: int | None = Field(
        None, ge=1, le=4096, description="Images that the encoder gets at once."
    )
    decode_workers: int = Field(0, ge=0, description="Threads that decode images; 0: one per core.")
    max_image_bytes: int = Field(50_000_000, ge=1, description="Largest image file that is read.")
    max_image_pixels: int = Field(100_000_000, ge=1, description="Largest image that is decoded.")

    job_dir: Path | None = Field(
        None, description="Where each job has its folder; default: jobs/ beside the database."
    )
    shards_dir: str | None = Field(
        None,
        min_length=1,
        description="Folder or address of all jobs' embeddings; default: each job's folder.",
    )
    bulk_import: str | None = Field(
        None,
        min_length=1,
        description="Folder or address in a Milvus server's storage, for bulk imports of large new "
        "collections; default: rows are upserted.",
    )
    fetch_per_host: int = Field(
        8, ge=1, le=256, description="Images that are fetched from one host at once."
    )
    fetch_timeout_s: float = Field(
        20.0, gt=0, description="Longest wait for an answer of an image's host."
    )
    staged_images: Path | None = Field(
        None, description="Folder of copies of the images that are fetched from elsewhere."
    )
    max_failed_share: float = Field(
        0.5, ge=0, le=1, description="Share of failed rows above which a job stops."
    )
    job_sources: str = Field(
        "",
        description="Folders and addresses, comma-separated, below which the service's jobs may "
        "read catalogues.",
    )
    jobs_kept: int = Field(200, ge=1, description="Newest jobs of the service that it remembers.")
    job_streams: int = Field(
        32, ge=1, description="Jobs that are followed at once, as streams of events."
    )
    server: str | None = Field(
        None, description="Address of a running service, which commands then ask."
    )
    api_key: SecretStr | None = Field(None, description="Key that they show it.")

    image_urls: bool = Field(
        False, description="Whether the service fetches images that queries name by address."
    )
    image_url_ports: str = Field(
        "80,443", description="Ports, comma-separated, that such images may be fetched from."
    )
    image_url_networks: str = Field(
        "", description="Networks, comma-separated, that may be asked although not public."
    )

    uploads: Path | None = Field(
        None, description="Folder of items' uploaded images; default: uploads/ beside the database."
    )
    thumbnails: Path | None = Field(
        None, description="Folder of pictures made ready; default: thumbnails/ beside the database."
    )
    thumbnails_mb: int = Field(
        500, ge=0, description="Most megabytes of pictures made ready that are kept; 0: none."
    )

    rerankers: str = Field(
        "",
        description="Rerankers that queries may name, comma-separated: exact, late-interaction, "
        "cross-encoder:FOLDER, endpoint:URL.",
    )
    rerank_timeout_s: float = Field(
        10.0, gt=0, description="Longest wait for an answer of a reranker's endpoint."
    )

    concurrency: int = Field(
        32, ge=1, le=1000, description="Requests that the service works on at once."
    )
    waiting: int = Field(
        96, ge=0, description="Requests that wait for their turn; more are refused with 429."
    )
    request_timeout_s: float = Field(
        60.0, gt=0, description="Longest until the answer to a request begins."
    )
    batch_wait_ms: float = Field(
        0.0, ge=0, le=5, description="How long the encoder waits for more texts or pictures."
    )
    text_cache: int = Field(
        10_000, ge=0, description="Embeddings of query texts that the service remembers; 0: none."
    )

    host: str = Field("127.0.0.1", description="Address that the service listens on.")
    allowed_hosts: str = Field(
        "", description="Further names, comma-separated, that requests may come under."
    )
    decode_apart: bool = Field(
        True, description="Whether the service decodes images in processes of their own."
    )
    keys_file: Path | None = Field(
        None, description="File of the service's keys; default: keys.db beside the database."
    )
    rate_limit: int = Field(
        6000, ge=0, description="Requests a minute that one key, or one address, may make; 0: any."
    )
    rate_limit_redis: SecretStr | None = Field(
        None, description="Address of a Redis that counts them; default: the service's memory."
    )
    cors_origins: str = Field(
        "", description="Origins, comma-separated, whose pages may use the service with a key."
    )
    forwarded_allow_ips: str = Field(
        "127.0.0.1,::1", description="Proxies, comma-separated, whose X-Forwarded-* are believed."
    )
    audit_file: Path | None = Field(
        None, description="File that changes are written down in, beside the log."
    )
    query_log: Path | None = Field(
        None, description="File that searches and feedback are written down in; default: none."
    )
    query_log_hashed: bool = Field(
        False, description="Whether the query log has keyed hashes in place of texts and filters."
    )
    query_log_mb: int = Field(
        100, ge=1, description="Size at which another query log is begun; six are kept."
    )
    metrics_open: bool = Field(
        False, description="Whether /metrics takes no key where everything else does."
    )
    port: int = Field(8000, ge=0, le=65535, description="Port that the service listens on.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")

    @field_validator("job_dir", mode="before")
    @classmethod
    def _job_dir_is_a_folder(cls, given: object) -> object:
        # Locks and notes lie there. As a path, an address would be a folder of a strange name.
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(given)):
            raise ValueError("it has to be a folder of this machine; shards_dir may be an address")
        return given

    @property
    def jobs(self) -> Path:
        """Where each indexing job has its folder."""
        if self.job_dir is not None:
            return self.job_dir
        return self._beside_db / "jobs"

    @property
    def calibrations(self) -> Path:
        """Where it is kept what scores are worth: a cache, which may be deleted."""
        return self._beside_db / "calibrations"

    @property
    def evaluations(self) -> Path:
        """Where evaluations are kept that were made with --save."""
        return self._beside_db / "evaluations"

    @property
    def uploads_folder(self) -> Path:
        """Where uploaded images of items are, by the hash of their bytes."""
        return self.uploads if self.uploads is not None else self._beside_db / "uploads"

    @property
    def thumbnails_folder(self) -> Path:
        """Where pictures made ready are kept: a cache, which may be deleted."""
        return self.thumbnails if self.thumbnails is not None else self._beside_db / "thumbnails"

    @property
    def keys_path(self) -> Path:
        """The file of the service's keys."""
        return self.keys_file if self.keys_file is not None else self._beside_db / "keys.db"

    @property
    def _beside_db(self) -> Path:
        return Path(".vitrine") if "://" in self.db else Path(self.db).parent
