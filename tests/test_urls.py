from __future__ import annotations

import pytest

from vkstate.urls import canonical_url


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://litellm.example.com", "https://litellm.example.com"),
        ("HTTPS://LiteLLM.Example.com:443/", "https://litellm.example.com"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:4000/", "http://localhost:4000"),
        ("https://x.example.com:80/Base//", "https://x.example.com:80/Base"),
        ("http://[::1]:4000/", "http://[::1]:4000"),
        ("sandbox://", "sandbox://"),
        ("sandbox:///", "sandbox://"),
        ("http://x:port", "http://x:port"),
    ],
)
def test_canonical_urls(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical
    assert canonical_url(canonical) == canonical
