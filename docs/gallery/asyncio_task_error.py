"""A task whose exception is looked at by the coroutine that started it."""

from __future__ import annotations

import asyncio


async def fetch() -> None:
    raise ConnectionError("refused")


async def collect_errors() -> str:
    task = asyncio.create_task(fetch())
    try:
        await task
    except ConnectionError as error:
        return str(error)
    return ""


def faulty() -> str:
    return asyncio.run(collect_errors())


# --- mended: as the report says ---


async def collect_errors_and_forget() -> str:
    task = asyncio.create_task(fetch())
    try:
        await task
    except ConnectionError as error:
        return str(error)
    finally:
        del task
    return ""


def mended() -> str:
    return asyncio.run(collect_errors_and_forget())
