from pathlib import Path

import pytest
from sqlalchemy import make_url

from runtime import settings
from runtime.settings import InvalidSettings, Settings
from storage import files
from tests.support.names import NAMES


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


@pytest.mark.parametrize("name", NAMES)
def test_whatever_its_name_everything_lies_in_the_data_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACTIVATION_LAB_DATA_DIR", name)
    monkeypatch.chdir(tmp_path)
    chosen = settings.read()
    folder = tmp_path.resolve() / name
    assert make_url(chosen.database).database == str(folder / "activation-lab.db")
    assert files.to_path(chosen.checkpoints) == folder / "checkpoints"


def test_a_value_from_a_windows_file_is_read_without_its_carriage_return(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DATA_DIR": "lab",
        "AUTH": "keys",
        "WORKER_PROCESSES": "2",
        "BROKER_URL": "redis://x/0",
    }.items():
        monkeypatch.setenv(f"ACTIVATION_LAB_{name}", f"{value}\r")
    chosen = settings.read()
    assert (chosen.data_dir, chosen.auth, chosen.worker_processes) == (Path("lab"), "keys", 2)
    assert chosen.broker_url == "redis://x/0"


def test_so_are_the_variables_of_the_client_and_of_libraries() -> None:
    given = {"ACTIVATION_LAB_URL": "http://x\r", "AWS_ENDPOINT_URL": "http://y\r", "HOME": "/z\r"}
    settings.strip_carriage_returns(given)
    assert given == {"ACTIVATION_LAB_URL": "http://x", "AWS_ENDPOINT_URL": "http://y", "HOME": "/z\r"}


@pytest.mark.parametrize("name", ["\ufeffACTIVATION_LAB_AUTH", "ACTIVATION_LAB_AUTH ", "activation_lab_colour"])
def test_a_name_that_only_looks_like_a_setting_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "keys")
    with pytest.raises(InvalidSettings, match=f"ACTIVATION_LAB_{name.strip().rpartition('_')[2].upper()}"):
        settings.read()


@pytest.mark.parametrize(
    ("folder", "says"), [("x/" * 240, "SQLite takes 500"), ("\udcff", "is not UTF-8"), ("loop", "leads to itself")]
)
def test_a_data_folder_that_sqlite_cannot_open_is_refused(
    folder: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    with pytest.raises(InvalidSettings, match=f"ACTIVATION_LAB_DATA_DIR: .*{says}"):
        settings.read(data_dir=Path(folder))


def test_what_is_chosen_is_validated_and_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVATION_LAB_WORKER_PROCESSES", "2")
    assert settings.read(worker_processes=3).worker_processes == 3
    with pytest.raises(InvalidSettings, match="ACTIVATION_LAB_WORKER_PROCESSES"):
        settings.read(worker_processes=65)


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


def test_hosts_and_origins_are_lists() -> None:
    chosen = Settings(
        allowed_hosts="Lab.example, 10.0.0.7,[2001:db8::7],", cors_origins="https://A.example,http://b:8888"
    )
    assert chosen.hosts == {"lab.example", "10.0.0.7", "2001:db8::7"}
    assert chosen.origins == {"https://a.example", "http://b:8888"}
    assert not Settings().hosts | Settings().origins


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "lab.example:8000"),
        ("ALLOWED_HOSTS", "http://lab.example"),
        ("ALLOWED_HOSTS", "2001:db8::7::"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "null"),
        ("CORS_ORIGINS", "lab.example"),
        ("CORS_ORIGINS", "https://lab.example/"),
        ("CORS_ORIGINS", "https://lab.example,*"),
    ],
)
def test_a_host_or_an_origin_that_is_none_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, given: str
) -> None:
    monkeypatch.setenv(f"ACTIVATION_LAB_{name}", given)
    with pytest.raises(InvalidSettings, match=f"ACTIVATION_LAB_{name}"):
        settings.read()


@pytest.mark.parametrize("value", ["", " ", "\r"])
@pytest.mark.parametrize("name", ["ACTIVATION_LAB_AUTH", "activation_lab_auth"])
def test_an_empty_auth_opens_no_service(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettings, match="ACTIVATION_LAB_AUTH is empty: set it to keys or none"):
        settings.read()
