"""``acs pm``: performance measurement files of HeNBs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from acs.cli.node import find_device, node_url, read, secrets_of, settings_of, who, write
from acs.cli.options import Config, Data, DeviceKey, Json
from acs.cli.output import console, print_json

__all__ = ["pm"]

pm = typer.Typer(no_args_is_help=True)


@pm.command("import")
def import_file(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="XML after TS 32.435, or gzip of it.")],
    device: Annotated[str, typer.Option(help="Whose measurements these are, for example 0005B9-A1.")],
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Read a PM file into the time series of a device; see acs bulk list.

    A file that was read before changes nothing.
    """
    from acs import bulkdata as bd
    from acs import devices as dev
    from acs.bulkdata.pm import SOURCE
    from acs.southbound import read_pm_file

    settings = settings_of(data, config)
    now = time.time()
    batch = read_pm_file(path, now=now)

    def act(conn: Connection) -> bd.Stored:
        found = find_device(conn, device)
        dev.audit(conn, who(), "PM file imported", device, path.name, now=now)
        quota = bd.Quota(bytes=settings.bulk_device_quota)
        return bd.store_reports(conn, found.id, SOURCE, batch.reports, quota=quota, now=now)

    stored = write(settings, act)
    if json:
        print_json(
            {
                "stored": stored.new,
                "repeated": stored.repeated,
                "values": batch.samples,
                "repairs": batch.repairs,
            }
        )
        return
    console.print(
        f"{stored.new} groups with {batch.samples} values, {stored.repeated} there already", markup=False
    )
    for each in batch.repairs:
        console.print(f"note: {each}", markup=False)


@pm.command("configure")
def configure_upload(
    device: DeviceKey,
    data: Data = None,
    config: Config = None,
    interval: Annotated[int, typer.Option(help="Seconds between files.", min=1)] = 900,
    days: Annotated[float, typer.Option(help="How long the device's upload URL is good for.", min=1)] = 3650,
) -> None:
    """Have a device upload a PM file at an interval; acs bulk remove DEVICE pm ends it.

    That is in FAP.PerfMgmt.Config, or in PerfMgmt.FileMgmt of TR-196 Issue 1, by its profile or what it told.
    After a reset it is set up again.

    Example: acs pm configure 0005B9-A1 --interval 900
    """
    from acs import bulkdata as bd
    from acs import devices as dev
    from acs.files import PM_FILE, FileUrls

    settings = settings_of(data, config)
    base = node_url(settings)
    key = secrets_of(settings).file_url_key
    number = read(settings, lambda conn: find_device(conn, device).id)
    urls = FileUrls(key, lambda: base, lifetime=days * 86400)
    now = time.time()
    url = urls.upload_url(number, PM_FILE, "", now, standing=True)

    def act(conn: Connection) -> None:
        table = bd.pm_table(conn, find_device(conn, device))
        bd.configure(conn, number, bd.PmUpload(url, interval, table=table), now=now)
        dev.audit(conn, who(), "PM upload configured", device, f"every {interval} s", now=now)

    write(settings, act)
    console.print(f"PM uploads are being set up; see: acs bulk profiles {device}", markup=False)
