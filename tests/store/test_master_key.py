"""A database keeps to the master key under which its secrets are sealed."""

from __future__ import annotations

import pytest

from acs.errors import AcsError
from acs.security import Secrets
from acs.simulator import Vendor
from acs.store import Store, confirm_master_key
from tests.nodes import running_node


async def test_the_first_key_is_noted_and_every_other_refused(store: Store, tmp_path) -> None:
    first, other = (Secrets.load_or_create(tmp_path / name) for name in ("one", "two"))
    for _ in range(2):
        await store.write(confirm_master_key, first.check)
    with pytest.raises(AcsError, match="master key is another"):
        await store.write(confirm_master_key, other.check)


async def test_a_node_with_another_master_key_does_not_start_on_a_database(tmp_path, sqlite_url) -> None:
    vendor = Vendor(tmp_path / "vendor")
    for _ in range(2):
        async with running_node(tmp_path / "one", vendor, database=sqlite_url) as node:
            assert node.store
    with pytest.raises(AcsError, match="copy master"):
        async with running_node(tmp_path / "two", vendor, database=sqlite_url):
            pass


def test_no_key_is_made_where_one_is_only_asked_for(tmp_path) -> None:
    with pytest.raises(AcsError, match="name with --data the data directory of a node"):
        Secrets.load(tmp_path)
    assert not (tmp_path / "master.key").exists()
