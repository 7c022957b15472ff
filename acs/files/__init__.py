"""Files between the ACS and its devices: URLs bound to one device, storage, uploads and their handlers."""

from acs.files.arrivals import Arrival, Arrivals
from acs.files.storage import DiskStorage, Stat, Storage, Stored, take_in
from acs.files.uploads import (
    PM_FILE,
    Claim,
    Upload,
    UploadLimits,
    UploadRefused,
    break_upload,
    claim_upload,
    complete_upload,
    find_upload,
    list_uploads,
)
from acs.files.urls import FileGrant, FileUrls, UploadGrant

__all__ = [
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
    "Upload",
    "UploadGrant",
    "UploadLimits",
    "UploadRefused",
    "break_upload",
    "claim_upload",
    "complete_upload",
    "find_upload",
    "list_uploads",
    "take_in",
]
