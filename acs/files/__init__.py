"""Files between the ACS and its devices: catalogue, storage, URLs bound to one device, uploads."""

from acs.files.arrivals import Arrival, Arrivals
from acs.files.catalogue import (
    CONFIGURATION,
    FIRMWARE,
    CatalogueFile,
    add_file,
    approve_file,
    approved_image,
    demand_file,
    files_signed_by,
    find_file,
    list_files,
    revoke_file,
    why_not,
)
from acs.files.entering import enter_file
from acs.files.integrity import Integrity
from acs.files.refused import TransferRefused
from acs.files.retention import UploadKeeper
from acs.files.signatures import Signer, TrustedSigners, read_signature, verified
from acs.files.storage import CHUNK, DiskStorage, Stat, Storage, Stored, open_storage, take_in
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
    upload_kinds,
)
from acs.files.urls import FileGrant, FileUrls, UploadGrant
from acs.files.versions import floor_of, is_below

__all__ = [
    "CHUNK",
    "CONFIGURATION",
    "FIRMWARE",
    "PM_FILE",
    "Arrival",
    "Arrivals",
    "CatalogueFile",
    "Claim",
    "DiskStorage",
    "FileGrant",
    "FileUrls",
    "Integrity",
    "Signer",
    "Stat",
    "Storage",
    "Stored",
    "TransferRefused",
    "TrustedSigners",
    "Upload",
    "UploadGrant",
    "UploadKeeper",
    "UploadLimits",
    "add_file",
    "approve_file",
    "approved_image",
    "break_overdue",
    "break_upload",
    "claim_upload",
    "complete_upload",
    "demand_file",
    "enter_file",
    "files_signed_by",
    "find_file",
    "find_upload",
    "floor_of",
    "forget_uploads",
    "is_below",
    "list_files",
    "list_uploads",
    "old_uploads",
    "open_storage",
    "read_signature",
    "revoke_file",
    "take_in",
    "upload_kinds",
    "verified",
    "why_not",
]
