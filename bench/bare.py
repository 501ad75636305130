"""The bare loop: requests sent by so many threads with a ``requests`` session each. Also a process of its own.

As a process (``python -m bench.bare``) it reads ``{"url", "key", "stages": [{"path", "bodies", "threads", "method"}]}``
from stdin, and imports nothing that a script written for the afternoon would not import either.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias, TypeVar

import requests

TIMEOUT = 120.0
"""Seconds for one answer."""

Body: TypeAlias = "Mapping[str, object]"
Result = TypeVar("Result")


def session_for(master_key: str) -> requests.Session:
    """A session that presents this key."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {master_key}"
    return session


def with_sessions(
    send: Callable[[requests.Session, Body], Result], bodies: Iterable[Body], master_key: str, threads: int
) -> list[Result]:
    """What ``send`` returns of each body, in order; each thread has a session of its own."""
    local = threading.local()
    sessions: list[requests.Session] = []

    def begin() -> None:
        local.session = session_for(master_key)
        sessions.append(local.session)

    try:
        with ThreadPoolExecutor(threads, initializer=begin) as pool:
            return list(pool.map(lambda body: send(local.session, body), bodies))
    finally:
        for session in sessions:
            session.close()


def send_all(url: str, master_key: str, bodies: Iterable[Body], threads: int, method: str = "POST") -> None:
    """Send each body once, with GET as the query; the answers are decoded and dropped.

    :raises requests.HTTPError: the proxy refused one.
    """

    def send(session: requests.Session, body: Body) -> None:
        if method == "GET":
            query = {name: str(value) for name, value in body.items()}
            answer = session.get(url, params=query, timeout=TIMEOUT)
        else:
            answer = session.post(url, json=body, timeout=TIMEOUT)
        answer.raise_for_status()
        answer.json()

    with_sessions(send, bodies, master_key, threads)


def main() -> None:
    asked = json.load(sys.stdin)
    for stage in asked["stages"]:
        send_all(f"{asked['url']}{stage['path']}", asked["key"], stage["bodies"], stage["threads"], stage["method"])


if __name__ == "__main__":
    main()
