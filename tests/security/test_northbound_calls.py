"""The northbound interface of a real node: what is asked and done, and what is written down."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import select, update

from acs import alarms as al
from acs import devices as dev
from acs import northbound as nb
from acs.store.tables import commands, devices
from tests.security.managers import KEY, alarm, manager

__all__ = ["manager"]  # a fixture
pytestmark = pytest.mark.row("2.15")


async def test_lists_come_in_pages_by_key(manager):
    def fill(conn):
        for number in range(5):
            dev.register(conn, "0005B9", f"A{number}", now=1.0)
        return [alarm(conn, number) for number in range(5)]

    numbers = await manager.write(fill)
    for path, key, step in (("/v1/devices", "device", "after"), ("/v1/alarms", "id", "before")):
        seen, more = [], ""
        for _ in range(4):
            _, page, _ = await manager.ask("GET", f"{path}?limit=2{more}")
            seen += [each[key] for each in page["items"]]
            more = f"&{step}={page['next']}"
            if page["next"] is None:
                break
        assert seen == ([f"0005B9-A{n}" for n in range(5)] if key == "device" else numbers[::-1])


async def test_devices_are_found_among_others(manager):
    def fill(conn):
        for number, version in enumerate(("2.1.0", "2.1.1", "1.0")):
            device = dev.register(conn, "0005B9", f"A{number}", product_class="HeNB-LTE", now=1.0)
            told = {"software_version": version, "last_inform_at": 1000.0 * number}
            conn.execute(update(devices).where(devices.c.id == device.id).values(**told))
        dev.add_group(conn, device.id, "pilot")

    await manager.write(fill)
    for asked, found in {
        "software_version=2.1.*": ["A0", "A1"],
        "not_software_version=2.1.*&product_class=henb-*": ["A2"],
        "group=pilot": ["A2"],
        "containing=a1": ["A1"],
        "silent_since=500": ["A0"],
        "seen_since=500&oui=0005b9": ["A1", "A2"],
        "admission=expected": [],
    }.items():
        status, page, _ = await manager.ask("GET", f"/v1/devices?{asked}")
        assert (status, [each["serial_number"] for each in page["items"]]) == (200, found), asked
    for wrong in ("admission=none", "silent_since=yesterday", "with=x"):
        assert (await manager.ask("GET", f"/v1/devices?{wrong}"))[0] == 400


async def test_a_device_and_its_parameters(manager):
    from acs.cwmp import messages as m

    def fill(conn):
        device = dev.register(conn, "0005B9", "A-1", now=1.0)
        values = [m.ParameterValue(f"Device.X.{n}", str(n)) for n in range(3)]
        dev.save_parameters(conn, device.id, values, now=1.0)

    await manager.write(fill)
    status, found, _ = await manager.ask("GET", "/v1/devices/0005B9-A%252D1")
    assert (status, found["serial_number"]) == (200, "A-1")
    assert not [name for name in found if "secret" in name or "password" in name]
    _, page, _ = await manager.ask("GET", "/v1/devices/0005B9-A%252D1/parameters?below=Device.X.&limit=2")
    assert [each["value"] for each in page["items"]] == ["0", "1"]
    _, page, _ = await manager.ask("GET", f"/v1/devices/0005B9-A%252D1/parameters?after={page['next']}")
    assert [each["value"] for each in page["items"]] == ["2"]

    def leak(conn):
        values = [m.ParameterValue("Device.X.Password", "hunter2"), m.ParameterValue("Device.X.Name", "a")]
        dev.save_parameters(conn, dev.find(conn, "0005B9-A%2D1").id, values, now=2.0)

    await manager.write(leak)
    _, page, _ = await manager.ask("GET", "/v1/devices/0005B9-A%252D1/parameters?below=Device.X.")
    shown = {each["name"]: each["value"] for each in page["items"]}
    assert (shown["Device.X.Name"], shown["Device.X.Password"]) == ("a", "[redacted]")
    status, problem, _ = await manager.ask("GET", "/v1/devices/0005B9-none")
    assert (status, problem["field"]) == (404, "device")


async def test_every_write_is_audited_in_the_name_of_the_owner(manager):
    number = await manager.write(alarm)
    status, shown, _ = await manager.ask("POST", f"/v1/alarms/{number}/ack")
    assert (status, shown["ack_state"]) == (200, "ACKNOWLEDGED")
    assert shown["ack_user_id"].startswith("noc@token-")
    command = {
        "method": "GetParameterValues",
        "arguments": {"names": ["Device.DeviceInfo."]},
        "command_key": "k1",
    }
    status, made, _ = await manager.ask("POST", f"/v1/devices/{KEY}/commands", json=command)
    assert (status, made["state"], made["command_key"]) == (202, "queued", "k1")
    again = (await manager.ask("POST", f"/v1/devices/{KEY}/commands", json=command))[1]
    assert again["id"] == made["id"]
    who = shown["ack_user_id"]
    done = await manager.audited()
    assert (who, "alarm acknowledged", f"alarm {number}") in done
    assert (who, "command GetParameterValues", KEY) in done
    assert ("test", "token created", "token 1") in done


async def test_a_case_that_waits_is_instructed(manager):
    from acs import remediation as rm

    def fatal(conn):
        device = dev.register(conn, "0005B9", "A1", now=1.0)
        change = al.raise_alarm(
            conn,
            device,
            identifier="t",
            event_type="PHYSICAL_VIOLATION",
            probable_cause="INTRUSION_DETECTION",
            perceived_severity="CRITICAL",
            specific_problem="CIRCUIT_MODIFIED",
            additional_text="",
            detector="HeMS:test",
            now=1.0,
        )
        rm.alarms_changed(conn, device, [change], env=manager.bench.node.env, now=manager.bench.clock[0])

    await manager.write(fatal)
    _, page, _ = await manager.ask("GET", "/v1/cases?state=waiting")
    (case,) = page["items"]
    status, told, _ = await manager.ask("GET", f"/v1/cases/{case['id']}")
    assert (status, told["schema"]) == (200, "femto-acs/case/1")
    kinds = {each["kind"] for each in told["content"]["timeline"]}
    assert {"alarm", "opened", "step", "notification"} <= kinds
    assert all(each["because"] for each in told["content"]["timeline"])
    assert (await manager.ask("GET", "/v1/cases/99"))[0] == 404
    path = f"/v1/cases/{case['id']}/instruct"
    status, problem, _ = await manager.ask("POST", path, json={"action": "EXPLODE", "why": "x"})
    assert (status, problem["field"]) == (400, "action")
    status, told, _ = await manager.ask("POST", path, json={"action": "RELEASE", "why": "looked at it"})
    assert (status, told["state"]) == (200, "closed")
    assert any(
        action == "case RELEASE" and who.startswith("noc@") for who, action, _ in await manager.audited()
    )
    status, problem, _ = await manager.ask("POST", path, json={"action": "CLOSE", "why": "again"})
    assert status == 409
    assert (await manager.ask("POST", "/v1/cases/99/instruct", json={"action": "CLOSE", "why": "x"}))[
        0
    ] == 404


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"{", 400, "body"),
        (b"[" * 100_000, 400, "body"),
        (b'"\xff"', 400, "body"),
        (b"[]", 400, "body"),
        (b'{"method": 3}', 400, "method"),
        (b'{"method": "Reboot", "more": 1}', 400, "body"),
        (b'{"method": "Explode"}', 422, "method"),
        (b'{"method": "Reboot", "arguments": {"x": 1}}', 422, "arguments"),
        (b'{"method": "SetParameterValues", "arguments": {"parameters": []}}', 422, "arguments"),
        (b'{"method": "Reboot", "expires_in": -1}', 400, "expires_in"),
        (b'{"method": "Reboot", "command_key": "' + b"k" * 33 + b'"}', 400, "command_key"),
        (bytes(1024 * 1024 + 1), 413, None),
    ],
)
async def test_a_wrong_body_is_told_where_it_is_wrong(manager, body, status, field):
    await manager.write(alarm)
    headers = {"Content-Type": "application/json"}
    path = f"/v1/devices/{KEY}/commands"
    found, problem, answered = await manager.ask("POST", path, data=io.BytesIO(body), headers=headers)
    assert (found, problem.get("field")) == (status, field), problem
    assert answered["Content-Type"] == "application/problem+json"
    assert problem["status"] == status
    assert (await manager.ask("GET", "/v1/commands"))[1]["items"] == []


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/v1/devices?limit=0", 400, "limit"),
        ("/v1/devices?limit=x", 400, "limit"),
        ("/v1/devices?query=SELECT", 400, "query"),
        ("/v1/devices?limit=1&limit=2", 400, "query"),
        ("/v1/alarms?before=x", 400, "before"),
        ("/v1/alarms?device=' OR 1=1--", 404, "device"),
        ("/v1/cases?state=odd", 400, "state"),
    ],
)
async def test_a_wrong_query_is_told_where_it_is_wrong(manager, path, status, field):
    found, problem, _ = await manager.ask("GET", path)
    assert (found, problem["field"]) == (status, field), problem


async def test_a_body_that_is_no_json_by_its_type_is_refused(manager):
    """A form of a foreign page could send such a body without being asked for permission."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        headers = {"Content-Type": kind}
        status, problem, _ = await manager.ask("POST", "/v1/session", token="", data=b"{}", headers=headers)
        assert (status, problem["field"]) == (415, "Content-Type")


async def test_the_document_describes_what_is_there(manager):
    _, document, _ = await manager.ask("GET", "/openapi.json")
    assert document["openapi"] == "3.1.0"
    used = {
        operation["x-scope"]
        for each in document["paths"].values()
        for operation in each.values()
        if "x-scope" in operation
    }
    assert used == set(nb.SCOPES)
    schemas = document["components"]["schemas"]

    def references(value):
        if isinstance(value, dict):
            if "$ref" in value:
                yield value["$ref"]
            for inner in value.values():
                yield from references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from references(inner)

    found = set(references(document))
    assert found
    assert all(each.removeprefix("#/components/schemas/") in schemas for each in found), found
    post = document["paths"]["/v1/devices/{device}/commands"]["post"]
    assert post["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/CommandRequest")


async def test_a_command_has_one_command_key(manager):
    await manager.write(alarm)
    path, command = f"/v1/devices/{KEY}/commands", {"method": "Reboot", "arguments": {"command_key": "k1"}}
    status, problem, _ = await manager.ask("POST", path, json={**command, "command_key": "k2"})
    assert (status, problem["field"]) == (422, "arguments")
    assert "command_key is 'k2', that in arguments 'k1'" in problem["detail"]
    for key in (5, "k" * 33):
        wrong = {"method": "Reboot", "arguments": {"command_key": key}}
        assert (await manager.ask("POST", path, json=wrong))[0] == 422
    made = [(await manager.ask("POST", path, json=command))[1] for _ in range(2)]
    assert [each["command_key"] for each in made] == ["k1", "k1"]
    assert made[0]["id"] == made[1]["id"]


@pytest.mark.parametrize("value", ["\N{BULLET}secret:site-psk", "\N{BULLET}connection-request-password"])
async def test_a_value_can_not_name_a_secret_that_the_acs_would_fill_in(manager, value):
    await manager.write(alarm)
    parameter = {"name": "Device.ManagementServer.Username", "value": value, "type": "xsd:string"}
    command = {"method": "SetParameterValues", "arguments": {"parameters": [parameter], "parameter_key": ""}}
    status, problem, _ = await manager.ask("POST", f"/v1/devices/{KEY}/commands", json=command)
    assert (status, problem["field"]) == (422, "arguments")
    assert "a value can't have the character" in problem["detail"]
    assert (await manager.ask("GET", "/v1/commands"))[1]["items"] == []


@pytest.mark.row("2.17")
async def test_a_password_in_a_command_is_stored_sealed(manager):
    await manager.write(alarm)
    told = {
        "file_type": "4 Vendor Log File 1",
        "url": "https://files.example/x",
        "password": "their-pass-word",
    }
    command = {"method": "Upload", "arguments": told}
    assert (await manager.ask("POST", f"/v1/devices/{KEY}/commands", json=command))[0] == 202
    [payload] = await manager.read(lambda conn: conn.execute(select(commands.c.payload)).scalars().all())
    assert ("their-pass-word" in payload, '"password":"\N{BULLET}sealed:' in payload) == (False, True)


async def test_a_command_is_shown_with_its_answer_and_withdrawn_while_it_is_open(manager):
    from acs import commands as cm
    from acs.cwmp import messages as m

    await manager.write(alarm)
    command = {"method": "AddObject", "arguments": {"object_name": "Device.Users.User."}}
    _, made, _ = await manager.ask("POST", f"/v1/devices/{KEY}/commands", json=command)
    path = f"/v1/commands/{made['id']}"
    status, shown, _ = await manager.ask("GET", path)
    assert (status, shown["state"], shown["answer"]) == (200, "queued", None)
    assert shown["arguments"]["object_name"] == "Device.Users.User."

    def answered(conn):
        found = cm.find_command(conn, made["id"])
        cm.next_command(conn, found.device_id, 1, now=1.0)
        cm.settle(conn, found.id, m.AddObjectResponse(7), epoch=1, now=1.0)

    await manager.write(answered)
    fields = (await manager.ask("GET", path))[1]["answer"]["fields"]
    assert fields == {"instance_number": 7, "status": 0}
    status, problem, _ = await manager.ask("DELETE", path)
    assert (status, problem["detail"]) == (409, f"command {made['id']} is succeeded already")
    _, other, _ = await manager.ask("POST", f"/v1/devices/{KEY}/commands", json={"method": "Reboot"})
    status, gone, _ = await manager.ask("DELETE", f"/v1/commands/{other['id']}")
    assert (status, gone["state"], gone["fault_string"]) == (200, "cancelled", "withdrawn")
    assert "command Reboot cancelled" in {action for _, action, _ in await manager.audited()}
    for method in ("GET", "DELETE"):
        assert (await manager.ask(method, "/v1/commands/999"))[0] == 404


async def test_a_storm_is_paused_and_resumed(manager):
    body = {"group": "model:HeNB-LTE", "why": "an error in 2.0.0"}
    _, weak = await manager.new_token("safety:read")
    assert (await manager.ask("POST", "/v1/safety/pause", token=weak, json=body))[0] == 403
    status, shown, _ = await manager.ask("POST", "/v1/safety/pause", json=body)
    assert status == 200
    paused = {each["name"]: each["paused"] for each in shown["groups"] if each["paused"]}
    assert paused == {"model:HeNB-LTE": f"{(await manager.audited())[-1][0]}: an error in 2.0.0"}
    assert (await manager.ask("POST", "/v1/safety/pause", json=body))[0] == 409
    assert (await manager.ask("POST", "/v1/safety/pause", json={"group": "x", "why": "y"}))[0] == 409
    assert (await manager.ask("POST", "/v1/safety/resume", json=body))[0] == 200
    assert ("disruptive steps resumed", "model:HeNB-LTE") in [each[1:] for each in await manager.audited()]
    status, shown, _ = await manager.ask("GET", "/v1/safety", token=weak)
    assert (status, shown["running"], shown["held"]) == (200, 0, [])


async def test_a_block_with_measures_takes_the_scope_of_measures_too(manager):
    await manager.write(alarm)
    path, body = f"/v1/devices/{KEY}/block", {"why": "stolen"}
    _, weak = await manager.new_token("cases:instruct")
    status, problem, _ = await manager.ask("POST", path, token=weak, json=body | {"measures": ["SEGW_BLOCK"]})
    assert (status, problem["field"]) == (403, "measures")
    status, told, _ = await manager.ask("POST", path, token=weak, json=body)
    assert (status, told["admission"], told["measures"]) == (200, "blocked", [])
    _, other = await manager.new_token("measures:write")
    assert (await manager.ask("POST", path, token=other, json=body))[0] == 403
