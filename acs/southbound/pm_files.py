"""What becomes of a PM file that a HeNB uploaded: its measurements go into the time series."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from acs import bulkdata as bd
from acs.bulkdata import pm
from acs.errors import AcsError
from acs.files import Arrival, UnusableError
from acs.observability import Metrics
from acs.settings import Settings
from acs.store import Store

__all__ = ["PmFiles", "read_pm_file"]

_CHUNK = 64 * 1024
_log = structlog.get_logger(__name__)


def read_pm_file(path: Path, *, now: float) -> bd.Batch:
    """Return the measurements in a file. Raises ``AcsError`` that names the file and what is wrong."""
    try:
        return _read(path, now)
    except OSError as error:
        raise AcsError(f"can't read {path}: {error.strerror or error}") from error
    except UnusableError as error:
        raise AcsError(f"{path}: {error}") from error


def _read(path: Path, now: float) -> bd.Batch:
    try:
        with path.open("rb") as file:
            return pm.parse_pm_file(iter(lambda: file.read(_CHUNK), b""), now=now)
    except bd.BulkDataError as error:
        raise UnusableError(f"it is no PM file that can be read: {error}") from error


def _packed(path: Path, now: float) -> tuple[bd.Batch, list[bd.Packed]]:
    batch = _read(path, now)
    return batch, bd.pack_reports(pm.SOURCE, batch.reports)


class PmFiles:
    """Takes PM files in; one at a time, since parsing one is work. A file that comes twice counts once."""

    def __init__(self, store: Store, settings: Settings, metrics: Metrics) -> None:
        self._store, self._metrics = store, metrics
        self._quota = bd.Quota(bytes=settings.bulk_device_quota)

    async def arrived(self, arrival: Arrival) -> None:
        """Store the measurements of an upload. Raises ``UnusableError`` where it is no PM file."""
        upload = arrival.upload
        now = upload.changed_at  # when it came: a second call stores nothing twice, whatever the file's times
        async with arrival.content() as path:
            batch, packed = await asyncio.to_thread(_packed, path, now)
        try:
            stored = await self._store.write(
                bd.store_packed, upload.device_id, packed, quota=self._quota, now=now
            )
        except bd.BulkDataError as error:
            raise AcsError(str(error)) from error
        self._metrics.bulk_reports.labels("stored").inc(stored.new)
        self._metrics.bulk_reports.labels("repeated").inc(stored.repeated)
        self._metrics.bulk_values.inc(batch.samples)
        facts = {"device": upload.device_key, "upload": upload.id, "repairs": batch.repairs}
        _log.info("a PM file was read", reports=stored.new, values=batch.samples, **facts)
