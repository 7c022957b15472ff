"""Keys, seals and certificates. It knows nothing of the other rooms."""

from acs.security.pki import Authority, Issued
from acs.security.sealer import Sealer, SealError
from acs.security.secrets import Secrets, new_password, private_directory, write_private

__all__ = [
    "Authority",
    "Issued",
    "SealError",
    "Sealer",
    "Secrets",
    "new_password",
    "private_directory",
    "write_private",
]
