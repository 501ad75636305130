"""Benchmarks of vkstate: ratios against the least that could do the same work, measured in one run.

``python -m bench.NAME --help`` explains each: ``apply_floor``, ``plan_requests``, ``start``, ``client_time``,
``parallelism``, ``pressure``, ``peers``, ``scale``. ``docs/performance.md`` tells what came of them.
"""

import os

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has its byte code, and starts with it
