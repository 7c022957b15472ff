"""A command in parts is one row and one outcome, across sessions and lost answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from acs import commands as cm
from acs import devices as dev
from acs.commands import parts
from acs.cwmp import messages as m
from acs.datamodel.profiles import Profiles, install_profiles, parse_profile
from acs.store import Store
from acs.store.tables import command_parts
from tests.commands.test_evidence import NOW, Queue

SMALL = "name: small\nget_batch: 2\nset_batch: 2\nmatch: [{oui: 0005B9}]\n"
TOO_MUCH = m.Fault(9004, "Resources exceeded")


def read(*names: str) -> m.GetParameterValuesResponse:
    return m.GetParameterValuesResponse(tuple(m.ParameterValue(name, name.lower()) for name in names))


@pytest.fixture
async def queue(store: Store):
    install_profiles(Profiles([parse_profile(SMALL, "small.yaml")]))
    yield Queue(store, (await store.write(dev.register, "0005B9", "1", now=NOW)).id)
    install_profiles(None)


async def count(queue: Queue) -> int:
    return await queue.store.read(
        lambda conn: conn.execute(select(func.count()).select_from(command_parts)).scalar()
    )


async def test_a_long_read_is_one_command_with_one_answer(queue: Queue) -> None:
    command = await queue.put(m.GetParameterValues(("A", "B", "C", "D", "E")))
    for names in (("A", "B"), ("C", "D"), ("E",)):
        assert await queue.send() == m.GetParameterValues(names)
        settled = await queue.answer(command, read(*names))
    [done] = settled
    assert (done.state, done.answer) == ("succeeded", read("A", "B", "C", "D", "E"))
    assert (await queue.look(command)).answer == done.answer
    assert await count(queue) == 0
    assert await queue.send() is None


async def test_a_part_whose_answer_is_lost_is_sent_again_and_no_other(queue: Queue) -> None:
    command = await queue.put(m.GetParameterValues(("A", "B", "C")))
    await queue.send()
    await queue.answer(command, read("A", "B"))
    assert await queue.send() == m.GetParameterValues(("C",))
    await queue.inform()
    assert await queue.send() == m.GetParameterValues(("C",))
    [done] = await queue.answer(command, read("C"))
    assert done.answer == read("A", "B", "C")


async def test_a_device_that_has_no_room_is_asked_for_less_until_it_answers(queue: Queue) -> None:
    command = await queue.put(m.GetParameterValues(("A.", "B")))
    asked = []
    while (request := await queue.send()) is not None:
        asked.append(request)
        if isinstance(request, m.GetParameterNames):
            infos = tuple(m.ParameterInfo(name, writable=False) for name in ("A.", "A.1", "A.2", "A.3"))
            answer = m.GetParameterNamesResponse(infos)
        else:
            answer = TOO_MUCH if len(request.names) > 1 or request.names == ("A.",) else read(*request.names)
        settled = await queue.answer(command, answer)
    [done] = settled
    assert done.state == "succeeded"
    assert {each.name for each in done.answer.parameters} == {"A.1", "A.2", "A.3", "B"}
    assert asked[:4] == [
        m.GetParameterValues(("A.", "B")),
        m.GetParameterValues(("A.",)),
        m.GetParameterValues(("B",)),
        m.GetParameterNames("A.", next_level=True),
    ]
    assert await count(queue) == 0


async def test_what_can_not_be_made_smaller_fails(queue: Queue) -> None:
    command = await queue.put(m.GetParameterValues(("A",)))
    await queue.send()
    [done] = await queue.answer(command, TOO_MUCH)
    assert (done.state, done.fault_code) == ("failed", 9004)


async def test_a_fault_of_one_part_is_named_and_kept_by_parameter(queue: Queue) -> None:
    values = tuple(m.ParameterValue(name, "1") for name in ("A", "B", "C"))
    command = await queue.put(m.SetParameterValues(values, "p"))
    assert await queue.send() == m.SetParameterValues(values[:2], "")
    assert await queue.answer(command, m.SetParameterValuesResponse()) == []
    assert await queue.send() == m.SetParameterValues(values[2:], "p")
    fault = m.Fault(9003, "Invalid arguments", (m.SetParameterValuesFault("C", 9007, "no"),))
    [done] = await queue.answer(command, fault)
    text = "part 2 of 2 (C): fault 9003 Invalid arguments; the parts before it are applied"
    assert (done.state, done.fault_code, done.fault_string) == ("failed", 9003, text)
    assert done.answer.parameter_faults == fault.parameter_faults
    assert await count(queue) == 0


async def test_names_are_found_level_by_level_where_all_at_once_is_too_much(queue: Queue) -> None:
    command = await queue.put(m.GetParameterNames("A.", next_level=False))
    tree = {"A.": ("A.", "A.B.", "A.C"), "A.B.": ("A.B.", "A.B.D")}
    while (request := await queue.send()) is not None:
        infos = tuple(m.ParameterInfo(name, writable=False) for name in tree[request.path])
        answer = m.GetParameterNamesResponse(infos) if request.next_level else TOO_MUCH
        settled = await queue.answer(command, answer)
    names = [each.name for each in settled[0].answer.parameters]
    assert names == ["A.", "A.B.", "A.C", "A.B.D"]


async def test_an_endless_tree_ends(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MAX_PARTS", 20)
    command = await queue.put(m.GetParameterNames("A.", next_level=False))
    settled: list[cm.Command] = []
    while not settled:
        request = await queue.send()
        infos = (m.ParameterInfo(f"{request.path}A.", writable=False),)
        answer = m.GetParameterNamesResponse(infos) if request.next_level else TOO_MUCH
        settled = await queue.answer(command, answer)
    assert settled[0].fault_string == "it would take more than 20 parts"
    assert await count(queue) == 0


async def test_answers_without_measure_end(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MAX_MERGED", 300)
    command = await queue.put(m.GetParameterValues(("A", "B", "C", "D")))
    await queue.send()
    assert await queue.answer(command, read("A")) == []
    await queue.send()
    [done] = await queue.answer(command, read("B" * 300))
    assert (done.state, "more than 300 characters" in done.fault_string) == ("failed", True)


async def test_a_command_that_is_given_up_leaves_no_parts(queue: Queue) -> None:
    command = await queue.put(m.GetParameterValues(("A", "B", "C")))
    await queue.send()
    assert await count(queue) == 2
    await queue.store.write(cm.cancel, command, now=NOW)
    assert await count(queue) == 0


async def test_status_1_is_noted_until_the_next_boot(queue: Queue) -> None:
    async def device() -> dev.Device:
        return await queue.store.read(dev.get, queue.device)

    for number, key in enumerate(("p1", "p2")):
        queue.now = NOW + number
        command = await queue.put(m.SetParameterValues((m.ParameterValue("A", "1"),), key), key=key)
        await queue.send()
        await queue.answer(command, m.SetParameterValuesResponse(1))
    found = await device()
    assert (found.reboot_needed_at, found.reboot_needed_for) == (NOW, "p2")

    async def inform(*codes: str) -> None:
        inform = m.Inform(m.DeviceId("ACME", "0005B9", "X", "1"), tuple(m.Event(code) for code in codes))

        def act(conn) -> None:
            before = dev.find(conn, found.device_key)
            dev.check_in(conn, before, inform, namespace=m.CWMP_1_2, now=NOW)

        await queue.store.write(act)

    await inform("2 PERIODIC")
    assert (await device()).reboot_needed_at == NOW
    await inform("1 BOOT")
    after = await device()
    assert after == replace(after, reboot_needed_at=None, reboot_needed_for="")
