"""The bare loop: bodies posted by so many threads with a ``requests`` session each. Also a process of its own.

As a process (``python -m bench.bare``) it reads ``{"url", "key", "path", "bodies", "threads"}`` from stdin, and imports
nothing that a script written for the afternoon would not import either.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import requests

TIMEOUT = 120.0
"""Seconds for one answer."""


def session_for(master_key: str) -> requests.Session:
    """A session that presents this key."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {master_key}"
    return session


def post_all(url: str, master_key: str, bodies: Sequence[Mapping[str, object]], threads: int) -> None:
    """Post each body once; the answers are decoded and dropped.

    :raises requests.HTTPError: the proxy refused one.
    """
    local = threading.local()
    sessions: list[requests.Session] = []

    def post(body: Mapping[str, object]) -> None:
        session: requests.Session | None = getattr(local, "session", None)
        if session is None:
            session = local.session = session_for(master_key)
            sessions.append(session)
        answer = session.post(url, json=body, timeout=TIMEOUT)
        answer.raise_for_status()
        answer.json()

    try:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(post, bodies))
    finally:
        for session in sessions:
            session.close()


def main() -> None:
    asked = json.load(sys.stdin)
    post_all(f"{asked['url']}{asked['path']}", asked["key"], asked["bodies"], asked["threads"])


if __name__ == "__main__":
    main()
