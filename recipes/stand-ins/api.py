"""Stands in for the API until it is deployed.

Answers every request with its name, the Host it was asked for, and one round trip each to PostgreSQL and Redis.
Environment: DATABASE_URL, REDIS_URL. Run by uvicorn as `api:app`.
"""

import os

import asyncpg
import redis.asyncio as redis
from fastapi import FastAPI, Request

app = FastAPI()


@app.on_event("startup")
async def connect() -> None:
    app.state.database = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=10)
    app.state.cache = redis.from_url(os.environ["REDIS_URL"])


@app.get("/healthz")
async def health() -> dict:
    return {"app": "api", "ok": True}


@app.get("/{path:path}")
async def answer(request: Request) -> dict:
    row = await app.state.database.fetchrow("select current_user, current_database()")
    return {
        "app": "api",
        "host": request.headers["host"],
        "postgresql": f"{row[0]}@{row[1]}",
        "redis": "PONG" if await app.state.cache.ping() else "no answer",
    }
