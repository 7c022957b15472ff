"""Files between the ACS and its devices: URLs bound to one device, storage, uploads and their handlers."""

from acs.files.arrivals import Arrival, Arrivals
from acs.files.refused import TransferRefused
from acs.files.storage import CHUNK, DiskStorage, Stat, Storage, Stored, take_in
from acs.files.uploads import (
    PM_FILE,
    Claim,
    Upload,
    UploadLimits,
    break_overdue,
    break_upload,
    claim_upload,
    complete_upload,
    find_upload,
    forget_uploads,
    list_uploads,
    old_uploads,
)
from acs.files.urls import FileGrant, FileUrls, UploadGrant

__all__ = [
    "CHUNK",
    "PM_FILE",
    "Arrival",
    "Arrivals",
    "Claim",
    "DiskStorage",
    "FileGrant",
    "FileUrls",
    "Stat",
    "Storage",
    "Stored",
    "TransferRefused",
    "Upload",
    "UploadGrant",
    "UploadLimits",
    "break_overdue",
    "break_upload",
    "claim_upload",
    "complete_upload",
    "find_upload",
    "forget_uploads",
    "list_uploads",
    "old_uploads",
    "take_in",
]
