"""The least that Starlette can do of the same, without validation and database. The argument is a port."""

import sys
from typing import Any

import numpy as np
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from activations import catalog

jobs: dict[str, Any] = {}


async def check_health(_: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


async def put_job(request: Request) -> Response:
    jobs[request.path_params["name"]] = orjson.loads(await request.body())
    return Response(status_code=204)


async def get_job(request: Request) -> JSONResponse:
    return JSONResponse(jobs[request.path_params["name"]])


async def evaluate(request: Request) -> Response:
    given = orjson.loads(await request.body())
    activation = catalog.find(request.path_params["name"])
    parameters = activation.complete(given.get("parameters", {}))
    x = np.array(given["x"])
    answer = {
        "name": activation.name,
        "parameters": parameters,
        "x": x,
        "value": activation.value(x, **parameters),
        "derivative": activation.derivative(x, **parameters),
    }
    return Response(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")


app = Starlette(
    routes=[
        Route("/healthz", check_health),
        Route("/v1/jobs/{name}", get_job),
        Route("/v1/jobs/{name}", put_job, methods=["PUT"]),
        Route("/v1/activations/{name}/evaluate", evaluate, methods=["POST"]),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_config=None, access_log=False)
