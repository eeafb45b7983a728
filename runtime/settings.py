"""Settings that all processes of the service share, read from the environment by the entry points alone."""

import os
import re
from collections.abc import Iterable, Mapping, MutableMapping
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).resolve().parents[1]
PREFIX = "ACTIVATION_LAB_"
DATABASE_FILE = "activation-lab.db"
CLIENT_VARIABLES = {
    "ACTIVATION_LAB_URL": "Address of the service; default: http://127.0.0.1:8000.",
    "ACTIVATION_LAB_API_KEY": "API key that the commands send.",
}
"""Read by the client commands, which take no part in the service."""
OBJECT_STORAGE_VARIABLES = {
    "AWS_ACCESS_KEY_ID": "Name of the access key.",
    "AWS_SECRET_ACCESS_KEY": "The access key's secret.",
    "AWS_DEFAULT_REGION": "Region of the bucket.",
    "AWS_ENDPOINT_URL": "Address of a store other than Amazon's.",
}
"""Read by the S3 driver."""
OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""OpenTelemetry's own variable, which an installation may set for all its services."""
ROOT_PATH = re.compile(r"(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*")
CHECKPOINTS_URL = re.compile(r"file:///.+|s3://[^/]+(/.*)?", re.DOTALL)
HOST_NAME = re.compile(r"[A-Za-z0-9._-]+")
ORIGIN = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE)
MAX_STORED_ACTIVATIONS = 200
"""Of one owner: all are on one page of their list."""
LONGEST_SQLITE_PATH = 500
"""Bytes; SQLite's unix VFS takes 512, and names two more files after the database."""
ALSO_READ = ("AWS_", "OTEL_")
"""Prefixes of variables that libraries read."""


class InvalidSettings(ValueError):
    """An environment variable is unknown or has an invalid value; the message names it."""


class InvalidRootPath(ValueError):
    """The path prefix is not like /lab or /tools/lab."""


def normalize_root_path(text: str) -> str:
    """Normalize to one leading slash and no trailing one; empty where the service has a host of its own.

    Raises:
        InvalidRootPath: it is not a plain path.
    """
    path = text.strip("/")
    if not path:
        return ""
    if not ROOT_PATH.fullmatch(path):
        raise InvalidRootPath(f"{text!r} is no path such as /lab: letters, digits, and . _ ~ - between slashes")
    return f"/{path}"


class Settings(BaseSettings):
    """Each field is the variable ACTIVATION_LAB_<FIELD>; durations are seconds."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    data_dir: Path = Field(Path(".activation-lab"), description="Folder of the embedded database and the checkpoints.")
    database_url: str = Field(
        "", description="SQLAlchemy URL: postgresql+psycopg://… or sqlite:///…; empty = SQLite in DATA_DIR."
    )
    broker_url: str = Field(
        "redis://127.0.0.1:6379/0", description="Redis or Valkey; `up` starts its own Valkey unless this is set."
    )
    mnist_dir: Path = Field(PROJECT / "data", description="Folder that contains MNIST/raw with the four archives.")
    checkpoints_url: str = Field(
        "",
        description="Folder of the checkpoints: file:///folder (%20 for a blank), or s3://bucket/folder with the "
        "packages of activation-lab[s3]; empty = a folder in DATA_DIR.",
    )
    auth: Literal["none", "keys"] = Field(
        "none",
        description="keys = every request needs a key of `activation-lab keys create NAME`, but for the page's files, "
        "/healthz and /readyz. Empty is an error.",
    )
    guarded: bool = Field(
        default=False,
        description="true = a proxy or a firewall decides who may connect: the API may listen on an address that other "
        "machines reach, without keys.",
    )
    public_metrics: bool = Field(default=False, description="With AUTH=keys: /metrics needs no key.")
    root_path: str = Field(
        "", description="Path below which a proxy publishes the service, such as /lab; also `--root-path`."
    )
    forwarded_allow_ips: str = Field(
        "127.0.0.1,::1",
        description="Proxies whose X-Forwarded-* headers are accepted: addresses and networks, or * for all.",
    )
    allowed_hosts: str = Field(
        "",
        description="Names and addresses by which clients reach the service, such as lab.example.org, beside localhost "
        "and the address at which it listens; a request for another Host is answered 421.",
    )
    cors_origins: str = Field(
        "",
        description="Origins whose pages may use the service from a browser, such as https://notebook.example.org; "
        "those of any other site may not.",
    )
    max_unfinished_jobs: int = Field(
        10_000, ge=1, description="Limit of queued and running jobs; one more is answered 429."
    )
    max_unfinished_jobs_per_owner: int = Field(
        2_000, ge=1, description="The same of each owner of API keys, with AUTH=keys."
    )
    max_activations_per_owner: int = Field(
        100,
        ge=1,
        le=MAX_STORED_ACTIVATIONS,
        description="Limit of the activations that each owner of API keys has defined, or everybody together without "
        "keys; one more is answered 409.",
    )
    max_requests_per_minute: int = Field(
        6_000, ge=1, description="Limit of requests with one API key, for each API process; one more is answered 429."
    )
    max_streams_per_key: int = Field(
        64, ge=1, description="Limit of open streams with one API key, for each API process; one more is answered 429."
    )
    max_streams_per_address: int = Field(
        100,
        ge=1,
        description="Limit of open streams from one address, where keys are off, for each API process; one more is "
        "answered 429.",
    )
    max_streams: int = Field(
        1_000, ge=1, description="Limit of all open streams, for each API process; one more is answered 503."
    )
    max_body_bytes: int = Field(
        4_000_000,
        ge=1_000,
        description="A larger request body is answered 413; for all but evaluate and clip, which take long arrays, the "
        "limit is 64 kB.",
    )
    max_training_mb: float = Field(
        12_000,
        ge=4_000,
        description="Limit of the memory that a training is estimated to need; one that needs more is answered 422.",
    )
    worker_processes: int = Field(1, ge=1, le=64, description="Jobs that one worker trains at once.")
    worker_threads: int = Field(0, ge=0, le=256, description="CPU threads per job; 0 = cores / WORKER_PROCESSES.")
    lease_seconds: float = Field(60, gt=0, description="A worker without a heartbeat for this long loses its job.")
    heartbeat_seconds: float = Field(
        10, gt=0, description="Interval at which a worker renews its lease; at most half of LEASE_SECONDS."
    )
    keep_jobs_days: float = Field(
        0,
        ge=0,
        le=36_500,
        description="The API deletes jobs that ended more days ago, with their checkpoints; 0 = all are kept.",
    )
    keep_jobs: int = Field(
        0,
        ge=0,
        le=1_000_000_000,
        description="The API keeps this many of the jobs that ended last, and deletes the others; 0 = all are kept.",
    )
    reconcile_seconds: float = Field(5, gt=0, description="Interval of the search for lost hints and lost workers.")
    stalled_seconds: float = Field(
        1800,
        gt=0,
        description="A process that trains without ending an epoch for this long, and for ten times the usual "
        "duration of one, is ended; its job is resumed.",
    )
    predict_seconds: float = Field(
        10, gt=0, le=300, description="A prediction that no worker answers within this time is answered 503."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe level logged.")
    log_format: Literal["console", "json"] = Field("console", description="json = one object per line.")
    otlp_endpoint: str = Field(
        default_factory=lambda: os.environ.get(OTLP_ENDPOINT, ""),
        validate_default=True,
        description="OpenTelemetry collector, such as http://127.0.0.1:4318, with the packages of activation-lab[otel]"
        f"; default: that of {OTLP_ENDPOINT}; empty = no traces.",
    )

    @field_validator("*", mode="before")
    @classmethod
    def strip_text(cls, value: object) -> object:
        """Strip the carriage return at the end of a line from a Windows file."""
        text = os.fspath(value) if isinstance(value, Path) else value
        if not isinstance(text, str):
            return value
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise PydanticCustomError("not_utf8", "is not UTF-8")
        return text.rstrip("\r")

    @field_validator("checkpoints_url")
    @classmethod
    def check_checkpoints_url(cls, url: str) -> str:
        """Refuse unknown storage, or a missing driver, at the start and not at the first epoch."""
        if url and not CHECKPOINTS_URL.fullmatch(url):
            raise PydanticCustomError("checkpoints_url", "must begin with file:/// or with s3:// and a bucket")
        if url.startswith("s3://") and find_spec("s3fs") is None:
            raise PydanticCustomError("checkpoints_url", "s3:// needs the extra packages of activation-lab[s3]")
        return url

    @field_validator("root_path")
    @classmethod
    def check_root_path(cls, path: str) -> str:
        try:
            return normalize_root_path(path)
        except InvalidRootPath as error:
            raise PydanticCustomError("root_path", "{message}", {"message": str(error)}) from error

    @field_validator("forwarded_allow_ips")
    @classmethod
    def check_addresses(cls, text: str) -> str:
        """Refuse a mistyped address, which uvicorn would take for the name of a socket."""
        if text.strip() == "*":
            return "*"
        for part in text.split(","):
            try:
                ip_network(part.strip())
            except ValueError as error:
                message = f"{part.strip()!r} is no IP address or network"
                raise PydanticCustomError("forwarded_allow_ips", "{message}", {"message": message}) from error
        return text

    @field_validator("allowed_hosts")
    @classmethod
    def check_hosts(cls, text: str) -> str:
        for name in split_list(text):
            if not HOST_NAME.fullmatch(name) and not is_address(name.strip("[]")):
                message = f"{name!r} is neither a host name nor an IP address; it has no port"
                raise PydanticCustomError("allowed_hosts", "{message}", {"message": message})
        return text

    @field_validator("cors_origins")
    @classmethod
    def check_origins(cls, text: str) -> str:
        """Refuse *, with which any page on the web could use a service without keys."""
        for origin in split_list(text):
            if not ORIGIN.fullmatch(origin):
                message = f"{origin!r} is no origin such as https://notebook.example.org: a scheme and a host, no path"
                raise PydanticCustomError("cors_origins", "{message}", {"message": message})
        return text

    @field_validator("otlp_endpoint")
    @classmethod
    def check_collector(cls, url: str) -> str:
        if not url:
            return url
        if not re.fullmatch(r"https?://[^/]\S*", url):
            raise PydanticCustomError("otlp_endpoint", f"(or {OTLP_ENDPOINT}) must begin with http:// or https://")
        if not all(map(installed, ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"))):
            raise PydanticCustomError(
                "otlp_endpoint", f"(or {OTLP_ENDPOINT}) needs the extra packages of activation-lab[otel]"
            )
        return url

    @model_validator(mode="after")
    def check_database_path(self) -> Self:
        """Refuse a path that SQLite cannot open: its own error does not name the reason."""
        try:
            length = len(os.fsencode(self.data_dir.resolve() / DATABASE_FILE))
        except RuntimeError as error:
            raise PydanticCustomError("data_dir", "is a symbolic link that leads to itself") from error
        if not self.database_url and length > LONGEST_SQLITE_PATH:
            raise PydanticCustomError(
                "data_dir",
                "is too long: the path of the database in it has {length} bytes, SQLite takes {most}",
                {"length": length, "most": LONGEST_SQLITE_PATH},
            )
        return self

    @property
    def hosts(self) -> frozenset[str]:
        return frozenset(name.strip("[]").lower() for name in split_list(self.allowed_hosts))

    @property
    def origins(self) -> frozenset[str]:
        return frozenset(origin.lower() for origin in split_list(self.cors_origins))

    @property
    def database(self) -> str:
        return self.database_url or sqlite_url(self.data_dir.resolve() / DATABASE_FILE)

    @property
    def checkpoints(self) -> str:
        return self.checkpoints_url or (self.data_dir.resolve() / "checkpoints").as_uri()

    @property
    def threads(self) -> int:
        """CPU threads of one training process; a history depends on their number to the last bit."""
        return self.worker_threads or max(1, (os.cpu_count() or 1) // self.worker_processes)


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def split_list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def sqlite_url(path: Path) -> str:
    """Make SQLAlchemy's URL of a SQLite file, whatever characters its path has: make_url decodes %XX.

    Only the necessary characters are encoded, because MLflow creates a folder by the URL's undecoded text.
    """
    text = (quote(one) if one in "%?#" or not one.isprintable() else one for one in str(path))
    return f"sqlite:///{''.join(text)}"


def installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a package above it
        return False


def read(**chosen: object) -> Settings:
    """Read the settings of this process from the environment; those that are given here take precedence.

    Raises:
        InvalidSettings: a variable that starts with ACTIVATION_LAB_ is unknown, or a value is refused.
    """
    refuse_unknown(os.environ)
    refuse_empty_auth(os.environ)
    try:
        settings = Settings(**chosen)  # type: ignore[arg-type]  # they are validated
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else first["type"]
        raise InvalidSettings(f"{PREFIX}{name.upper()}: {first['msg']}") from error
    if settings.heartbeat_seconds * 2 > settings.lease_seconds:
        raise InvalidSettings(f"{PREFIX}HEARTBEAT_SECONDS must be at most half of {PREFIX}LEASE_SECONDS")
    return settings


def refuse_unknown(names: Iterable[str]) -> None:
    """Raises InvalidSettings also for a name that differs from a setting's by what cannot be seen."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | CLIENT_VARIABLES.keys()
    for name in sorted(names):
        seen = "".join(filter(str.isprintable, name)).strip().upper()
        if seen.startswith(PREFIX) and name.upper() not in known:
            if seen in known:
                raise InvalidSettings(
                    f"{name!r} is not {seen}: remove its invisible characters, such as a byte order mark"
                )
            raise InvalidSettings(f"unknown setting {seen}; known: {', '.join(sorted(known))}")


def refuse_empty_auth(environment: Mapping[str, str]) -> None:
    """Raises InvalidSettings: an empty setting means its default elsewhere, but nobody should open a service so."""
    for name, value in environment.items():
        if name.upper() == f"{PREFIX}AUTH" and not value.strip():
            raise InvalidSettings(f"{PREFIX}AUTH is empty: set it to keys or none, or remove it")


def strip_carriage_returns(environment: MutableMapping[str, str]) -> None:
    """Strip the carriage return that a Windows file leaves, from each value read here or by a library."""
    for name, value in environment.items():
        if name.startswith((PREFIX, *ALSO_READ)) and value.endswith("\r"):
            environment[name] = value.rstrip("\r")
