"""Releasing a software image as it is done in earnest: signed, entered, approved by a second person."""

from __future__ import annotations

from pathlib import Path

from acs import files as fl
from acs.node import Node
from acs.simulator import PRODUCT_CLASS, Vendor


async def release(
    node: Node,
    vendor: Vendor,
    path: Path,
    *,
    name: str = "image",
    version: str = "2.0.0",
    product_class: str = PRODUCT_CLASS,
    approved: bool = True,
    **facts: str,
) -> fl.CatalogueFile:
    """Release the image at ``path`` on ``node``, signed by ``vendor``."""
    signers = fl.TrustedSigners(node.settings.data)
    signers.trust("vendor", vendor.image_signer, "the vendor's key")
    now = node.store.clock()
    made = await fl.enter_file(
        node.store,
        node.storage,
        signers,
        path,
        name=name,
        file_type=fl.FIRMWARE,
        version=version,
        product_class=product_class,
        signature=vendor.sign_image(path.read_bytes()),  # noqa: ASYNC240 - small
        who="one",
        now=now,
        **facts,
    )
    if approved:
        made = await node.store.write(fl.approve_file, name, who="another", now=now)
    return made
