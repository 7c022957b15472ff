"""Whether all points of death are gone through (``make kills``), or what ``make test`` has time for."""

from __future__ import annotations

import os

ALL = bool(os.environ.get("ACS_MODEL_KILLS"))
