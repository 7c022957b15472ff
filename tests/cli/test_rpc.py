"""``acs commands send``: each RPC by name, checked before it is queued, its outcome shown."""

from __future__ import annotations

import contextlib
import time

import pytest
from sqlalchemy import create_engine, update

from acs import commands as cm
from acs import devices as dev
from acs.cwmp import messages as m
from acs.cwmp import unpack
from acs.security import Secrets
from acs.store.tables import devices

KEY = "0005B9-0005B9423901"
SEND = ("commands", "send")
INTERVAL = "Device.ManagementServer.PeriodicInformInterval"
PLMN = "Device.Services.FAPService.1.CellConfig.LTE.EPC.PLMNList."
UNIT = "6f8a1f66-2b9e-5d10-8a3e-0123456789ab"
URL = "https://files.example/x"


@contextlib.contextmanager
def store(data):
    engine = create_engine(f"sqlite:///{data / 'acs.db'}")
    with engine.begin() as conn:
        yield conn
    engine.dispose()


def answered(acs, data, answer, *arguments):
    """Send a command that the device answers, and look at what is printed when it is waited for."""
    first = acs(*SEND, *arguments, "--data", data, "--key", "op-1")
    assert first.code == 0, first.err
    with store(data) as conn:
        device = dev.find(conn, KEY)
        command, _ = cm.next_command(conn, device.id, device.session_epoch, now=time.time())
        cm.settle(conn, command.id, answer, epoch=device.session_epoch, now=time.time())
    return acs(*SEND, *arguments, "--data", data, "--key", "op-1", "--wait", "5")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("get", KEY, "Device.Time.", "Device.X"), m.GetParameterValues(("Device.Time.", "Device.X"))),
        (
            ("set", KEY, f"{INTERVAL}=600"),
            m.SetParameterValues((m.ParameterValue(INTERVAL, "600", "xsd:unsignedInt"),), "k"),
        ),
        (
            ("set", KEY, "Device.X_0005B9_A=a=b", "--type", "Device.X_0005B9_A=xsd:int", "--force"),
            m.SetParameterValues((m.ParameterValue("Device.X_0005B9_A", "a=b", "xsd:int"),), "k"),
        ),
        (("names", KEY), m.GetParameterNames("Device.", next_level=True)),
        (("names", KEY, "Device.Time.", "--all"), m.GetParameterNames("Device.Time.", next_level=False)),
        (("attributes", "get", KEY, "Device.Time."), m.GetParameterAttributes(("Device.Time.",))),
        (
            ("attributes", "set", KEY, "Device.Time.", "--notification", "active", "--access", "none"),
            m.SetParameterAttributes((m.SetParameterAttribute("Device.Time.", 2, ()),)),
        ),
        (("add", KEY, PLMN), m.AddObject(PLMN, "k")),
        (("add", KEY, f"{PLMN}[home]."), m.AddObject(f"{PLMN}[home].", "k")),
        (("delete", KEY, f"{PLMN}1."), m.DeleteObject(f"{PLMN}1.", "k")),
        (("reboot", KEY), m.Reboot("k")),
        (("factory-reset", KEY), m.FactoryReset()),
        (
            ("download", KEY, URL, "--size", "5", "--delay", "3", "--username", "u"),
            m.Download("k", "1 Firmware Upgrade Image", URL, "u", "", 5, "", 3),
        ),
        (
            ("schedule-download", KEY, URL, "--window", "0-60", "--window", "70-80:1 At Any Time"),
            m.ScheduleDownload(
                "k",
                "1 Firmware Upgrade Image",
                URL,
                time_windows=(m.TimeWindow(0, 60, "2 Immediately"), m.TimeWindow(70, 80, "1 At Any Time")),
            ),
        ),
        (("upload", KEY, URL), m.Upload("k", "4 Vendor Log File 1", URL)),
        (("cancel-transfer", KEY, "old"), m.CancelTransfer("old")),
        (("queued-transfers", KEY), m.GetAllQueuedTransfers()),
        (("queued-transfers", KEY, "--mine"), m.GetQueuedTransfers()),
        (("schedule-inform", KEY, "60"), m.ScheduleInform(60, "k")),
        (
            (
                *("change-du-state", KEY, "--install", f"{URL},uuid={UNIT},env=Device.E.1"),
                *("--update", f"{UNIT},url={URL},version=2", "--uninstall", f"{UNIT},version=1"),
            ),
            m.ChangeDUState(
                "k",
                (
                    m.InstallOperation(URL, UNIT, execution_env_ref="Device.E.1"),
                    m.UpdateOperation(UNIT, "2", URL),
                    m.UninstallOperation(UNIT, "1"),
                ),
            ),
        ),
        (("options", KEY), m.GetOptions("")),
        (("methods", KEY), m.GetRPCMethods()),
        (
            ("vendor", KEY, "X_0005B9_Ping", "Host=192.0.2.1", "Count=3"),
            m.UnknownMethod("", "X_0005B9_Ping", (("Host", "192.0.2.1"), ("Count", "3"))),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_each_rpc_has_a_form_of_its_own(acs, data, arguments, message):
    done = acs(*SEND, *arguments, "--data", data, "--key", "k")
    assert done.code == 0, done.err
    (queued,) = acs("commands", "list", "--data", data, "--json", "--state", "queued").json
    shown = acs("commands", "show", queued["id"], "--data", data).json
    assert unpack(shown["method"], shown["payload"]) == message


LOGIN = ("--username", "u", "--password", "their-pass-word")


@pytest.mark.parametrize(
    "arguments",
    [
        ("download", KEY, URL, *LOGIN),
        ("upload", KEY, URL, *LOGIN),
        ("schedule-download", KEY, URL, "--window", "0-60", *LOGIN),
        ("set", KEY, "Device.ManagementServer.Password=their-pass-word"),
    ],
    ids=lambda each: each[0],
)
def test_a_secret_in_a_request_is_stored_sealed_and_not_shown(acs, data, arguments):
    Secrets.load_or_create(data)
    done = acs(*SEND, *arguments, "--data", data)
    assert done.code == 0, done.err
    (queued,) = acs("commands", "list", "--data", data, "--json", "--state", "queued").json
    shown = acs("commands", "show", queued["id"], "--data", data)
    assert "(sealed)" in queued["payload"]
    assert '"(sealed)"' in shown.out
    assert not [
        each for each in data.rglob("*") if each.is_file() and b"their-pass-word" in each.read_bytes()
    ]


def test_without_the_nodes_key_no_secret_is_queued(acs, data):
    (data / "master.key").unlink()
    done = acs(*SEND, "download", KEY, URL, *LOGIN, "--data", data)
    assert (done.code, "is sealed with the node's key, and there is none in" in done.err) == (2, True)
    assert not (data / "master.key").exists()
    assert acs("commands", "list", "--data", data, "--json", "--state", "queued").json == []


def test_a_voucher_is_a_file(acs, data, tmp_path):
    (tmp_path / "v.xml").write_bytes(b"\x00\x01\x02")
    assert acs(*SEND, "set-vouchers", KEY, tmp_path / "v.xml", "--data", data).code == 0
    (queued,) = acs("commands", "list", "--data", data, "--json", "--state", "queued").json
    assert acs("commands", "show", queued["id"], "--data", data).json["payload"] == {"vouchers": ["AAEC"]}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("set", KEY, f"{INTERVAL}=abc"), "'abc' is no unsignedInt (fault 9007); --force sends it all the"),
        (("set", KEY, "Device.Nothing=1"), "has no parameter Device.Nothing (fault 9005)"),
        (("set", KEY, "Device.DeviceInfo.SerialNumber=1"), "can't be written (fault 9008)"),
        (("set", KEY, "Device.Time."), "'Device.Time.' is not of the form NAME=VALUE"),
        (("set", KEY, f"{INTERVAL}=1", "--type", "A=xsd:int"), "--type names A, which is not set"),
        (("add", KEY, "Device.Time."), "no such table of instances (fault 9005)"),
        (("delete", KEY, "Device.Time"), "the path of an object ends with a dot"),
        (("delete", KEY, PLMN), f"that is a table; name an instance of it, for example {PLMN}1."),
        (("download", KEY, "x"), "the URL 'x' is none; for example https://"),
        (("upload", KEY, URL, "--type", "log"), "FileType 'log' is none; for example '4 Vendor Log File 1'"),
        (("schedule-download", KEY, URL, "--window", "9-3"), "the window 9 to 3 s is empty or overlaps"),
        (("schedule-download", KEY, URL, "--window", "x"), "is not of the form START-END[:MODE]"),
        (("change-du-state", KEY), "there is no operation"),
        (("change-du-state", KEY, "--uninstall", "5"), "'5' is no UUID"),
        (("change-du-state", KEY, "--update", f"{UNIT},x=1"), "x is unknown; use url or version"),
        (("attributes", "set", KEY, "A."), "name --notification or --access"),
        (("attributes", "set", KEY, "A.", "--notification", "loud"), "'loud' is none of off, passive"),
        (("vendor", KEY, "Ping"), "'Ping' is no vendor's method; it begins with X_"),
        (("vendor", KEY, "X_0005B9_A", "a b=1"), "'a b' is no name of an XML element"),
        (("reboot", KEY, "--key", "k" * 33), "has 33 characters; 1 to 32 are allowed"),
    ],
)
def test_what_a_device_would_refuse_is_not_queued(acs, data, arguments, text):
    done = acs(*SEND, *arguments, "--data", data)
    assert done.code == 2
    assert text in done.err
    assert acs("commands", "list", "--data", data, "--json", "--state", "queued").json == []


def test_the_answer_is_shown_when_it_is_waited_for(acs, data):
    answer = m.GetParameterValuesResponse((m.ParameterValue("Device.Time.Enable", "1", "xsd:boolean"),))
    done = answered(acs, data, answer, "get", KEY, "Device.Time.")
    assert (done.code, "GetParameterValues succeeded" in done.out) == (0, True)
    assert ["Device.Time.Enable", "1", "xsd:boolean"] in [
        [cell.strip() for cell in line.strip("│┃ ").split("│")] for line in done.out.splitlines()
    ]


@pytest.mark.parametrize("told", ["Invalid parameter name: Device.X", "Invalid Parameter Name", ""])
def test_the_name_of_a_fault_is_said_once(acs, data, told):
    done = answered(acs, data, m.Fault(9005, told), "get", KEY, "Device.X")
    said = told or "Invalid parameter name"
    assert (done.code, done.err.rstrip().endswith(f"failed: fault 9005 {said}")) == (2, True), done.err


def test_each_fault_of_a_set_is_shown(acs, data):
    faults = (m.SetParameterValuesFault(INTERVAL, 9007, "too small"),)
    done = answered(acs, data, m.Fault(9003, "Invalid arguments", faults), "set", KEY, f"{INTERVAL}=1")
    assert done.code == 2
    assert "SetParameterValues failed: fault 9003 Invalid arguments" in done.err
    assert f"{INTERVAL}: 9007 too small" in done.err


def test_status_1_is_explained(acs, data):
    done = answered(acs, data, m.SetParameterValuesResponse(1), "set", KEY, f"{INTERVAL}=1")
    assert "status 1: it will be applied later" in done.text
    shown = acs("devices", "show", KEY, "--data", data)
    assert "changes (ParameterKey op-1) are committed and not applied since" in shown.text
    assert acs("devices", "show", KEY, "--data", data, "--json").json["reboot_needed_for"] == "op-1"


def test_the_wait_ends_with_a_sentence(acs, data):
    done = acs(*SEND, "methods", KEY, "--wait", "0.1", "--data", data)
    assert done.code == 2
    assert "did not answer command" in done.err
    assert "it is queued; the device is blocked: " in done.err
    assert "; see: acs commands show" in done.err


def test_how_far_a_command_in_parts_is_can_be_seen(acs, data):
    get = (*SEND, "get", KEY, "Device.Time.", "Device.DeviceInfo.", "--data", data, "--key", "op-1")
    assert acs(*get).code == 0
    with store(data) as conn:
        device = dev.find(conn, KEY)
        now = time.time()
        for answer in (m.Fault(9004, "too much"), m.GetParameterValuesResponse()):
            command, _ = cm.next_command(conn, device.id, device.session_epoch, now=now)
            cm.settle(conn, command.id, answer, epoch=device.session_epoch, now=now)
    assert acs("commands", "show", command.id, "--data", data).json["parts"] == {"answered": 1, "known": 2}
    done = acs(*get, "--wait", "0.1")
    assert (done.code, "it is queued; 1 of 2 parts are answered; the device is" in done.err) == (2, True)


def test_a_list_says_why_a_command_did_not_succeed(acs, data):
    answered(acs, data, m.Fault(9005, "no such thing"), "get", KEY, "Device.X")
    assert "9005 no such thing" in acs("commands", "list", "--data", data).out


@pytest.mark.parametrize(
    ("called", "why"),
    [
        (None, "it is queued; nobody has called it yet: is a node running, see acs serve? see: acs commands"),
        ({"error": "no route", "result": "http connect"}, "it could not be called: no route; see: acs"),
        ({"error": "", "result": "udp sent"}, "it was called (udp sent) and did not come; see: acs commands"),
    ],
)
def test_the_wait_ends_with_what_is_known_of_the_call(acs, data, called, why):
    columns = devices.c
    values = {columns.admission: "allowed", columns.connection_request_tried_at: None}
    if called is not None:
        values[columns.connection_request_tried_at] = time.time() + 60
        values[columns.connection_request_error] = called["error"]
        values[columns.connection_request_result] = called["result"]
    with store(data) as conn:
        conn.execute(update(devices).values(values))
    done = acs(*SEND, "methods", KEY, "--wait", "0.1", "--data", data)
    assert (done.code, why in done.err) == (2, True), done.err


def test_a_device_that_could_not_be_called_before_is_called_again_later(acs, data):
    values = {
        "admission": "allowed",
        "connection_request_tried_at": 1.0,
        "connection_request_error": "no route",
    }
    with store(data) as conn:
        conn.execute(update(devices).values(connection_request_at=time.time() + 300, **values))
    done = acs(*SEND, "methods", KEY, "--wait", "0.1", "--data", data)
    assert (done.code, "the last call failed (no route), the next is at 2" in done.err) == (2, True), done.err


def test_an_alias_is_no_path_for_a_device_that_has_not_declared_them(acs, data):
    with store(data) as conn:
        conn.exec_driver_sql("DELETE FROM parameters WHERE name LIKE '%AliasBasedAddressing'")
    done = acs(*SEND, "set", KEY, f"{PLMN}[home].PLMNID=00101", "--data", data)
    assert done.code == 2
    assert (
        "has not told that it finds instances by alias (AliasBasedAddressing); use instance numbers"
        in done.err
    )
