"""Addresses at which `up` listens: the one that was named, IPv4 or IPv6."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runtime.settings import Settings
from stack.errors import CannotStart
from stack.listening import WRITE_SECONDS, find_free_port, format_address, open_listener, refuse_exposure
from stack.main import app
from tests.support.command_line import run_program
from tests.support.service import start

IPV6 = pytest.mark.skipif(not Path("/proc/net/if_inet6").read_text(), reason="this machine has no IPv6")


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return format_address(host, port).removesuffix(f":{port}")


@pytest.mark.parametrize(
    ("host", "shown", "reached"),
    [
        ("127.0.0.1", "127.0.0.1", ["127.0.0.1"]),
        ("localhost", "127.0.0.1", ["127.0.0.1"]),
        ("0.0.0.0", "0.0.0.0", ["127.0.0.1"]),
        pytest.param("::1", "[::1]", ["::1"], marks=IPV6),
        pytest.param("[::1]", "[::1]", ["::1"], marks=IPV6),
        pytest.param("::", "[::]", ["::1", "127.0.0.1"], marks=IPV6),
    ],
)
def test_it_listens_where_it_was_told_to(host: str, shown: str, reached: list[str]) -> None:
    with open_listener(host, 0) as listener:
        assert url_of(listener) == shown
        for address in reached:
            socket.create_connection((address, listener.getsockname()[1]), timeout=10).close()


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=IPV6), pytest.param("::", marks=IPV6)])
def test_a_connection_neither_waits_for_an_ack_nor_for_ever(host: str) -> None:
    with open_listener(host, 0) as listener, socket.create_connection(listener.getsockname()[:2], timeout=10):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == WRITE_SECONDS * 1000


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", pytest.param("::1", marks=IPV6)])
def test_this_machine_needs_no_key(host: str) -> None:
    with open_listener(host, 0) as listener:
        refuse_exposure(listener, Settings())


@pytest.mark.parametrize("host", ["0.0.0.0", "", pytest.param("::", marks=IPV6)])
def test_other_machines_need_keys_or_a_guard(host: str) -> None:
    with open_listener(host, 0) as listener:
        with pytest.raises(CannotStart, match=r"AUTH=keys.*127\.0\.0\.1.*GUARDED=true"):
            refuse_exposure(listener, Settings())
        refuse_exposure(listener, Settings(auth="keys"))
        refuse_exposure(listener, Settings(guarded=True))


@pytest.mark.parametrize("command", ["up", "api"])
def test_a_service_without_keys_does_not_start_for_everybody(command: str, tmp_path: Path) -> None:
    port = str(find_free_port())
    result = run_program(command, "--host", "0.0.0.0", "--port", port, ACTIVATION_LAB_DATA_DIR=str(tmp_path))
    assert result.returncode == 1
    assert f"0.0.0.0:{port} can be reached from other machines" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_that_is_taken_is_told_plainly() -> None:
    with open_listener("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"127.0.0.1:{port}: another program has this port.*--port"):
            open_listener("127.0.0.1", port).__enter__()


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("192.0.2.1", r"192.0.2.1:0: this machine does not have that address"),
        pytest.param("2001:db8::1", r"\[2001:db8::1\]:0: this machine does not have that address", marks=IPV6),
        ("nowhere.invalid", "nowhere.invalid:0: "),
        ("x" * 70, "that is not a host name"),
    ],
)
def test_a_host_that_is_not_here_is_told_plainly(host: str, says: str) -> None:
    with pytest.raises(CannotStart, match=says):
        open_listener(host, 0).__enter__()


@IPV6
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_stack_on_ipv6_is_used_by_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = start(tmp_path, "--host", "::1")
    try:
        port = service.http.base_url.port
        assert str(service.http.base_url) == f"http://[::1]:{port}"
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        result = CliRunner().invoke(app, ["activations", "--url", f"http://[::1]:{port}"])
        assert result.exit_code == 0, result.output
        assert "gelu" in result.output
    finally:
        service.stop()
