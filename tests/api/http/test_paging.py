"""Cursors, which a client sends back."""

import base64
import json

from starlette.testclient import TestClient


def encoded(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


ID = "0193b5c2-7c5e-7d3a-9a3b-0e6f1f2d3c4b"
FORGED = [
    "",
    "x",
    "%00",
    "%ED%A0%80",
    base64.urlsafe_b64encode(b"[" * 5000).decode(),
    base64.urlsafe_b64encode(b"[" * 200).decode(),
    base64.urlsafe_b64encode(b'{"a":' * 60).decode(),
    encoded(["best_val_loss", True, ID]),
    encoded(["best_val_loss", "1", ID]),
    encoded(["best_val_loss", 1, ID]),
    encoded(["best_val_loss", 10**400, ID]),
    encoded(["best_val_loss", [0.5], ID]),
    encoded(["best_val_loss", {}, ID]),
    encoded(["best_val_loss", 0.5, "x"]),
    encoded(["best_val_loss", 0.5, "\ud800"]),
    encoded(["best_val_loss", 0.5, "\0" * 36]),
    encoded(["best_val_loss", 0.5, ID.upper()]),
    encoded(["best_val_loss", 0.5, None]),
    encoded(["best_val_loss", 0.5]),
    encoded(["best_val_loss", 0.5, ID, 1]),
    encoded([None, 0.5, ID]),
    encoded({"best_val_loss": 0.5}),
    encoded("best_val_loss"),
    encoded(["best_val_loss", 0.5, ID]) + "=",
    encoded(["best_val_loss", 0.5, ID]) + "A",
    base64.urlsafe_b64encode(json.dumps(["best_val_loss", 0.5, ID], indent=1).encode()).decode().rstrip("="),
    base64.urlsafe_b64encode(f'["best_val_loss",1e400,"{ID}"]'.encode()).decode().rstrip("="),
    encoded(["created_at", None, ID]),
    encoded(["created_at", 0.5, ID]),
    encoded(["created_at", "2026-11-26", ID]),
    encoded(["created_at", "2026-11-26T10:00:00", ID]),
    encoded(["created_at", "0001-01-01T00:00:00+14:00", ID]),
    encoded(["created_at", "9999-12-31T23:59:59-14:00", ID]),
    encoded(["created_at", "\u0662026-11-26T10:00:00+00:00", ID]),
    encoded(["-created_at", "2026-11-26T10:00:00+00:00", ID]),
    "z" * 36,
    "-" * 36,
    ID.upper(),
    ID + "%0A",
    "\u0660" * 36,
]


def test_a_forged_cursor_is_refused(client: TestClient) -> None:
    for cursor in FORGED:
        for path in ("/v1/jobs?sort=best_val_loss&", "/v1/jobs?sort=created_at&", "/v1/sweeps?"):
            response = client.get(f"{path}cursor={cursor}")
            assert response.status_code in {400, 422}, (path, cursor)
            assert response.headers["Content-Type"] == "application/problem+json"
