"""Sessions over real sockets: what a device gets to hear, and what real devices do to it."""

from __future__ import annotations

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import decode
from acs.cwmp import messages as m
from tests.southbound.conftest import SERIAL, body_of, inform


async def provisioned(bench, http):
    """Have the device registered and nothing waiting for it."""
    await bench.post(http, inform())

    def act(conn):
        from sqlalchemy import update

        from acs.store.tables import cases, commands, devices

        device = dev.find(conn, f"0005B9-{SERIAL}")
        dev.mark_provisioned(conn, device.id, device.software_version)
        conn.execute(update(cases).values(state="closed", wake_at=None))
        conn.execute(update(commands).values(state="cancelled"))
        conn.execute(update(devices).values(connection_request_at=None))
        return device

    return await bench.node.store.write(act)


async def enqueue(bench, device, message, key="k1"):
    now = bench.clock[0]
    return await bench.node.store.write(
        cm.enqueue, device.id, message, command_key=key, purpose="operator", now=now
    )


async def test_a_steady_session_is_an_inform_and_an_empty_post(bench):
    async with bench.client() as http:
        await provisioned(bench, http)
        answer = await bench.post(http, inform())
        assert answer.status == 200
        assert isinstance(answer.message, m.InformResponse)
        assert answer.headers["Content-Type"] == 'text/xml; charset="utf-8"'
        assert "Content-Length" in answer.headers
        assert not answer.body.startswith(b"<?xml")
        assert "Secure; HttpOnly" in answer.headers["Set-Cookie"]
        end = await bench.post(http, b"", cookie=answer.cookie)
        assert (end.status, end.body) == (204, b"")


async def test_the_first_contact_is_provisioned_in_the_same_session(bench):
    async with bench.client() as http:
        answer = await bench.post(http, inform(SERIAL, "0 BOOTSTRAP", "1 BOOT"))
        first = await bench.post(http, b"", cookie=answer.cookie)
        assert first.message == m.GetParameterValues(("Device.FaultMgmt.CurrentAlarm.",))
        fault = m.Fault(9005, "Invalid parameter name")
        second = await bench.post(http, fault, cookie=answer.cookie)
        assert second.message == m.GetParameterValues(("Device.FaultMgmt.SupportedAlarm.",))


async def test_the_answer_bears_the_id_and_the_namespace_of_the_device(bench):
    async with bench.client() as http:
        answer = await bench.post(http, body_of(inform(), "abc-7", m.CWMP_1_0))
        envelope = decode(answer.body)
        assert envelope.namespace == m.CWMP_1_0
        assert envelope.header.id == "abc-7"


async def test_a_command_is_sent_settled_and_its_values_are_kept(bench):
    async with bench.client() as http:
        device = await provisioned(bench, http)
        command = await enqueue(bench, device, m.GetParameterValues(("Device.Time.",)))
        answer = await bench.post(http, inform())
        request = await bench.post(http, b"", cookie=answer.cookie)
        assert request.message == m.GetParameterValues(("Device.Time.",))
        value = m.ParameterValue("Device.Time.NTPServer1", "ntp")
        end = await bench.post(http, m.GetParameterValuesResponse((value,)), cookie=answer.cookie)
        assert end.status == 204
        found = await bench.node.store.read(cm.find_command, command.id)
        assert found.succeeded
        stored = await bench.node.store.read(dev.parameters_of, device.id, "Device.Time.")
        assert stored["Device.Time.NTPServer1"].value == "ntp"


async def test_the_connection_request_password_is_put_in_on_the_wire_and_stored_nowhere(bench):
    async with bench.client() as http:
        device = await provisioned(bench, http)
        name = "Device.ManagementServer.ConnectionRequestPassword"
        values = (m.ParameterValue(name, m.CONNECTION_REQUEST_PASSWORD),)
        command = await enqueue(bench, device, m.SetParameterValues(values, "k"))
        answer = await bench.post(http, inform())
        request = await bench.post(http, b"", cookie=answer.cookie)
        sent = request.message.parameters[0].value
        assert sent != m.CONNECTION_REQUEST_PASSWORD
        assert len(sent) == 32
        found = await bench.node.store.read(cm.find_command, command.id)
        assert sent not in found.payload


async def test_a_session_ends_with_its_lifetime(bench):
    async with bench.client() as http:
        await provisioned(bench, http)
        answer = await bench.post(http, inform())
    bench.clock[0] += bench.node.settings.session_lifetime + 1
    async with bench.client() as http:
        late = await bench.post(http, m.GetRPCMethods(), cookie=answer.cookie)
        assert isinstance(late.message, m.Fault)
        assert late.message.code == 8003


async def test_a_stopping_node_lets_open_sessions_finish_and_takes_no_new_ones(bench):
    async with bench.client() as http:
        await provisioned(bench, http)
        answer = await bench.post(http, inform())
        bench.node.southbound.endpoint.sessions.draining = True
        late = await bench.post(http, inform())
        assert late.status == 503
        assert "Retry-After" in late.headers
        assert (await bench.post(http, b"", cookie=answer.cookie)).status == 204


async def test_an_empty_post_in_place_of_an_answer_fails_a_read_but_leaves_a_reboot_to_evidence(bench):
    async with bench.client() as http:
        device = await provisioned(bench, http)
        read = await enqueue(bench, device, m.GetParameterValues(("Device.Time.",)), "k1")
        reboot = await enqueue(bench, device, m.Reboot("k2"), "k2")
        answer = await bench.post(http, inform())
        assert (await bench.post(http, b"", cookie=answer.cookie)).message == read.message
        assert (await bench.post(http, b"", cookie=answer.cookie)).message == m.Reboot("k2")
        assert (await bench.post(http, b"", cookie=answer.cookie)).status == 204
        assert (await bench.node.store.read(cm.find_command, read.id)).fault_code == 9002
        assert (await bench.node.store.read(cm.find_command, reboot.id)).state == "sent"
        await bench.post(http, inform(SERIAL, "1 BOOT"))
        assert (await bench.node.store.read(cm.find_command, reboot.id)).succeeded


async def test_what_is_enqueued_while_an_idle_session_is_open_is_handed_over_in_it(bench):
    async with bench.client() as http:
        device = await provisioned(bench, http)
        answer = await bench.post(http, inform())
        assert bench.node.southbound.endpoint.sessions.idle(device.id, device.session_epoch + 1)
        await enqueue(bench, device, m.Reboot("k1"))
        request = await bench.post(http, b"", cookie=answer.cookie)
        assert request.message == m.Reboot("k1")
