"""Settings of vitrine, from arguments and VITRINE_* environment variables.

Built at the edge (a command, a server's start, a test) and handed down; never at import.
"""

from pathlib import Path

from pydantic import Field, SecretStr
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

    host: str = Field("127.0.0.1", description="Address that the service listens on.")
    allowed_hosts: str = Field(
        "", description="Further names, comma-separated, that requests may come under."
    )
    port: int = Field(8000, ge=0, le=65535, description="Port that the service listens on.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")

    @property
    def jobs(self) -> Path:
        """Where each indexing job has its folder."""
        if self.job_dir is not None:
            return self.job_dir
        return Path(".vitrine/jobs") if "://" in self.db else Path(self.db).parent / "jobs"
