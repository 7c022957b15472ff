"""PM files of the simulated HeNB: at their interval, true, and again where they were not taken."""

from __future__ import annotations

from acs.bulkdata.pm import parse_pm_file
from acs.cwmp import messages as m
from acs.simulator.traffic import ADMIN_STATE, RAN
from tests.simulator.shell import NOW, make, set_values

CONFIG = "Device.FAP.PerfMgmt.Config."
TRIES = "ENBFunction=1,EUtranCell=1/RRC.AttConnEstab"


def uploading(interval: int = 900, *, unlocked: bool = True):
    henb = make()
    assert isinstance(henb.handle(m.AddObject(CONFIG), NOW), m.AddObjectResponse)
    set_values(
        henb,
        (f"{CONFIG}1.URL", "https://acs/uploads/t"),
        (f"{CONFIG}1.PeriodicUploadInterval", str(interval), "xsd:unsignedInt"),
        (f"{CONFIG}1.Enable", "1", "xsd:boolean"),
    )
    if unlocked:
        henb.tree.set(ADMIN_STATE, "1")
    henb.tick(NOW)
    return henb


def files(henb, now: float, *, stored: bool = True) -> list:
    henb.tick(now)
    found = []
    while (delivery := henb.delivery_due(now)) is not None:
        found.append((delivery, parse_pm_file([delivery.body], now=now)))
        henb.delivered(delivery, now, stored=stored)
    return found


def test_a_file_holds_what_was_counted_in_its_period():
    henb = uploading()
    assert files(henb, NOW + 899) == []
    total = 0
    for number in range(1, 4):
        for step in range(0, 900, 60):  # the cell lives on between files
            henb.tick(NOW + 900 * (number - 1) + step)
        ((delivery, batch),) = files(henb, NOW + 900 * number)
        assert delivery.method == "PUT"
        rrc = next(each for each in batch.reports if each.source == "RRC")
        assert (rrc.collected_at, rrc.period) == (NOW + 900 * number, 900.0)
        values = {each.name: each.value for each in rrc.samples}
        assert not any(each.suspect for each in rrc.samples)
        assert values[TRIES] == sum(values[TRIES.replace("Att", word)] for word in ("Succ", "Fail"))
        total += values[TRIES]
        assert total == int(henb.tree.value(f"{RAN}RRC.Stats.AttConnEstab"))
    assert total > 0


def test_a_locked_cell_counts_nothing():
    ((_, batch),) = files(uploading(unlocked=False), NOW + 900)
    assert {each.value for report in batch.reports for each in report.samples} == {0}


def test_files_that_were_not_taken_are_kept_and_sent_again_in_order():
    henb = uploading(100)
    for number in range(1, 4):
        assert len(files(henb, NOW + 100 * number, stored=False)) == 1
    sent = files(henb, NOW + 400)
    assert [batch.reports[0].collected_at for _, batch in sent] == [NOW + 100 * each for each in (1, 2, 3, 4)]


def test_the_period_in_which_it_booted_is_suspect():
    henb = uploading()
    henb.tick(NOW + 600)
    henb.power_on(NOW + 600, first=False)
    ((_, batch),) = files(henb, NOW + 900)
    assert batch.reports[0].period == 300.0
    assert all(each.suspect for each in batch.reports[0].samples)


def test_its_name_is_that_of_ts_32_432():
    ((delivery, _),) = files(uploading(), NOW + 900)
    assert 'filename="A20270115.0800+0000-0815+0000_1.xml.gz"' in delivery.headers["Content-Disposition"]
