import subprocess
import sys

SCRIPT = """
import sys
from api.main import create_app
from runtime.settings import Settings
create_app(Settings())
print(*[name for name in sys.modules if name.startswith(("opentelemetry.sdk.trace", "opentelemetry.exporter"))])
"""


def test_without_a_collector_the_api_imports_nothing_that_traces() -> None:
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
