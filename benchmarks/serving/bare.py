"""Bare Starlette: what the least that anything on this stack can do costs."""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def hello(_request: Request) -> JSONResponse:
    """Says hello."""
    return JSONResponse({"hello": "world"})


if __name__ == "__main__":
    uvicorn.run(
        Starlette(routes=[Route("/", hello)]),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
    )
