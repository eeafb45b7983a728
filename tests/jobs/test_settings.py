import re
from pathlib import Path

import pytest

from jobs import settings
from jobs.settings import InvalidSettings, Settings

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"ACTIVATION_LAB_{name.upper()}", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACTIVATION_LAB_DATABSE_URL", "sqlite://"),
        ("ACTIVATION_LAB_WORKER_PROCESSES", "0"),
        ("ACTIVATION_LAB_WORKER_PROCESSES", "many"),
        ("ACTIVATION_LAB_AUTH", "maybe"),
        ("ACTIVATION_LAB_HEARTBEAT_SECONDS", "40"),
        ("ACTIVATION_LAB_CHECKPOINTS_URL", "ftp://host/folder"),
        ("ACTIVATION_LAB_CHECKPOINTS_URL", "/folder"),
        ("ACTIVATION_LAB_CHECKPOINTS_URL", "file://folder"),
        ("ACTIVATION_LAB_CHECKPOINTS_URL", "s3:///folder"),
        ("ACTIVATION_LAB_LOG_FORMAT", "xml"),
        ("ACTIVATION_LAB_OTLP_ENDPOINT", "127.0.0.1:4318"),
    ],
)
def test_an_unknown_or_invalid_setting_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettings, match=name):
        settings.read()


@pytest.mark.parametrize("url", ["file:///folder", "s3://bucket", "s3://bucket/folder"])
def test_checkpoints_lie_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ACTIVATION_LAB_CHECKPOINTS_URL", url)
    assert settings.read().checkpoints == url


def test_s3_without_its_driver_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "find_spec", lambda _: None)
    monkeypatch.setenv("ACTIVATION_LAB_CHECKPOINTS_URL", "s3://bucket")
    with pytest.raises(InvalidSettings) as refused:
        settings.read()
    assert str(refused.value) == (
        "ACTIVATION_LAB_CHECKPOINTS_URL: s3:// needs the extra packages of activation-lab[s3]"
    )


@pytest.mark.parametrize("missing", ["opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"])
def test_traces_without_their_packages_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setattr(settings, "find_spec", lambda name: None if name == missing else True)
    monkeypatch.setenv("ACTIVATION_LAB_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    with pytest.raises(InvalidSettings) as refused:
        settings.read()
    assert str(refused.value) == (
        "ACTIVATION_LAB_OTLP_ENDPOINT: (or OTEL_EXPORTER_OTLP_ENDPOINT) "
        "needs the extra packages of activation-lab[otel]"
    )


def test_opentelemetrys_own_variable_names_the_collector_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://one:4318")
    assert settings.read().otlp_endpoint == "http://one:4318"
    monkeypatch.setenv("ACTIVATION_LAB_OTLP_ENDPOINT", "http://two:4318")
    assert settings.read().otlp_endpoint == "http://two:4318"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "nonsense")
    monkeypatch.delenv("ACTIVATION_LAB_OTLP_ENDPOINT")
    with pytest.raises(InvalidSettings, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        settings.read()


def test_the_clients_own_variables_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVATION_LAB_URL", "http://127.0.0.1:8000")
    settings.read()


def test_the_database_and_the_checkpoints_lie_in_the_data_folder_by_default(tmp_path: Path) -> None:
    chosen = Settings(data_dir=tmp_path)
    assert chosen.database == f"sqlite:///{tmp_path}/activation-lab.db"
    assert chosen.checkpoints == f"file://{tmp_path}/checkpoints"


def test_the_readme_lists_every_setting() -> None:
    listed = set(re.findall(r"^\| `ACTIVATION_LAB_(\w+)`", README.read_text(), re.MULTILINE))
    assert listed == {name.upper() for name in Settings.model_fields} | {"URL", "API_KEY"}


@pytest.mark.parametrize(
    ("given", "path"), [("/lab", "/lab"), ("lab/", "/lab"), ("/tools/lab-1.0/", "/tools/lab-1.0"), ("/", "")]
)
def test_a_root_path_begins_with_a_slash_and_ends_without(given: str, path: str) -> None:
    assert Settings(root_path=given).root_path == path


@pytest.mark.parametrize("given", ["/a b", "/../lab", "/lab?x", "https://host/lab", "/\u0661"])
def test_a_root_path_that_is_none_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("ACTIVATION_LAB_ROOT_PATH", given)
    with pytest.raises(InvalidSettings, match="ACTIVATION_LAB_ROOT_PATH"):
        settings.read()


@pytest.mark.parametrize("given", ["10.0.0.1,proxy.example", "10.0.0.0/33", "127.0.0.1,", "localhost"])
def test_a_proxy_is_named_by_its_address(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("ACTIVATION_LAB_FORWARDED_ALLOW_IPS", given)
    with pytest.raises(InvalidSettings, match="ACTIVATION_LAB_FORWARDED_ALLOW_IPS"):
        settings.read()
