"""``acs cases export``: to the screen, to a new file; what it refuses."""

from __future__ import annotations

import hashlib
import json
import stat


def test_a_case_is_exported_to_a_file_that_only_its_owner_can_read(acs, data, tmp_path):
    target = tmp_path / "case.html"
    done = acs("cases", "export", 2, "--format", "html", "-o", target, "--data", data)
    assert done.code == 0, done.err
    assert hashlib.sha256(target.read_bytes()).hexdigest() in done.out
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert target.read_text().startswith("<!DOCTYPE html>")
    again = acs("cases", "export", 2, "-o", target, "--data", data)
    assert (again.code, "exists; name a new file" in again.text) == (2, True)


def test_the_screen_gets_json(acs, data):
    told = json.loads(acs("cases", "export", 2, "--data", data).out)
    assert (told["schema"], told["content"]["case_id"]) == ("femto-acs/case/1", 2)


def test_what_can_not_be_exported_is_said(acs, data, tmp_path):
    assert "there is no case 99" in acs("cases", "export", 99, "--data", data).text
    assert "known are json and html" in acs("cases", "export", 2, "--format", "pdf", "--data", data).text
    away = acs("cases", "export", 2, "-o", tmp_path / "none" / "x", "--data", data)
    assert "can't write" in away.text
