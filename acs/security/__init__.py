"""Keys, seals and certificates. It knows nothing of the other rooms."""

from acs.security.certificate_files import CertificateFiles, covers
from acs.security.certificates import (
    Certificate,
    CertificatePath,
    find_path,
    fingerprint_of,
    load_pem,
    may_issue,
)
from acs.security.lockout import Lockout
from acs.security.pki import Authority, Issued
from acs.security.scope import Scope, read_scope, write_scope
from acs.security.sealer import Sealer, SealError
from acs.security.secrets import Secrets, check_secret, new_password, private_directory, write_private

__all__ = [
    "Authority",
    "Certificate",
    "CertificateFiles",
    "CertificatePath",
    "Issued",
    "Lockout",
    "Scope",
    "SealError",
    "Sealer",
    "Secrets",
    "check_secret",
    "covers",
    "find_path",
    "fingerprint_of",
    "load_pem",
    "may_issue",
    "new_password",
    "private_directory",
    "read_scope",
    "write_private",
    "write_scope",
]
