"""Bulk data (TR-069 Annex N): reports and how they are read, time series, profiles."""

from acs.bulkdata.csv_report import Dialect
from acs.bulkdata.parse import REPORT_FORMATS, decompress, parse_message
from acs.bulkdata.profile import PmUpload, ProfileSettings
from acs.bulkdata.profiles import (
    Profile,
    configure,
    dialect_of,
    list_profiles,
    pm_table,
    profile_commands_settled,
    profiles_lost,
    remove,
)
from acs.bulkdata.report import Batch, BulkDataError, Limits, Report, Sample, Value
from acs.bulkdata.series import (
    Known,
    Packed,
    Point,
    Quota,
    Stored,
    TooManyLayouts,
    known_parameters,
    pack_reports,
    points,
    prune_bulk,
    store_packed,
    store_reports,
    usage,
)

__all__ = [
    "REPORT_FORMATS",
    "Batch",
    "BulkDataError",
    "Dialect",
    "Known",
    "Limits",
    "Packed",
    "PmUpload",
    "Point",
    "Profile",
    "ProfileSettings",
    "Quota",
    "Report",
    "Sample",
    "Stored",
    "TooManyLayouts",
    "Value",
    "configure",
    "decompress",
    "dialect_of",
    "known_parameters",
    "list_profiles",
    "pack_reports",
    "parse_message",
    "pm_table",
    "points",
    "profile_commands_settled",
    "profiles_lost",
    "prune_bulk",
    "remove",
    "store_packed",
    "store_reports",
    "usage",
]
