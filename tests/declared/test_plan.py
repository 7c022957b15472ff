"""Plans: they lead to what is wanted, then there is nothing left to do, and their order holds."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from acs.declared import (
    AddObject,
    DeleteObject,
    Plan,
    Rules,
    SetValues,
    Wanted,
    WantedRow,
    WantedTable,
    WantedValue,
    deviations,
    differs,
    plan,
)
from acs.declared.plan import new_row

ADMIN = "Device.FAP.AdminState"
TABLE = "Device.FAP.Cell."
RULES = Rules(
    set_batch=3, set_alone=(ADMIN,), locked_for=("Device.FAP.Cell.", "Device.FAP.Pci"), admin_state=ADMIN
)
TYPES = {
    "boolean": ["1", "0", "true", "false"],
    "unsignedInt": ["0", "1", "01", "7"],
    "string": ["", "a", "b"],
}
NAMES = {
    "Device.FAP.Pci": "unsignedInt",
    "Device.FAP.Name": "string",
    "Device.FAP.Enable": "boolean",
    "Device.Time.Server": "string",
    "Device.IPsec.Enable": "boolean",
    ADMIN: "boolean",
}
FIELDS = {"Key": "unsignedInt", "Power": "string", "Enable": "boolean"}


def texts(kind: str) -> st.SearchStrategy[str]:
    return st.sampled_from(TYPES[kind])


def some(kinds: dict[str, str]) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries({}, optional={name: texts(kind) for name, kind in kinds.items()})


def as_row(fields: dict[str, str]) -> WantedRow:
    return WantedRow(tuple((name, text, f"xsd:{FIELDS[name]}") for name, text in sorted(fields.items())))


ROWS = st.lists(
    st.fixed_dictionaries(
        {"Key": texts("unsignedInt")}, optional={"Power": texts("string"), "Enable": texts("boolean")}
    ),
    max_size=4,
    unique_by=lambda row: int(row["Key"]),
)


@st.composite
def wanteds(draw) -> Wanted:
    values = tuple(
        WantedValue(path, text, f"xsd:{NAMES[path]}", path, "site:x")
        for path, text in draw(some(NAMES)).items()
    )
    rows = tuple(as_row(each) for each in draw(ROWS))
    table = WantedTable(TABLE, ("Key",), rows, draw(st.booleans()), "class:A")
    return Wanted(values, (table,) if draw(st.booleans()) else ())


@st.composite
def states(draw) -> dict[str, str]:
    state = draw(some(NAMES))
    numbers = draw(st.lists(st.integers(1, 6), unique=True, max_size=4))
    for number in numbers:
        row = draw(st.fixed_dictionaries({name: texts(kind) for name, kind in FIELDS.items()}))
        state.update({f"{TABLE}{number}.{name}": text for name, text in row.items()})
    return state


class Device:
    """A device that does what it is told, and remembers whether it was locked."""

    def __init__(self, state: dict[str, str]) -> None:
        self.state = dict(state)
        self.instances: dict[int, int] = {}

    def apply(self, found: Plan) -> dict[str, str]:
        for step in found.steps:
            match step:
                case AddObject(table, label, _):
                    used = [
                        int(name[len(table) :].partition(".")[0])
                        for name in self.state
                        if name.startswith(table)
                    ]
                    number = max(used, default=0) + 1
                    self.instances[label] = number
                    self.state.update(
                        {f"{table}{number}.{name}": TYPES[kind][0] for name, kind in FIELDS.items()}
                    )
                case DeleteObject(path, _):
                    assert any(name.startswith(path) for name in self.state)
                    self.state = {
                        name: text for name, text in self.state.items() if not name.startswith(path)
                    }
                case SetValues(values):
                    self.state.update({new_row(each.path, self.instances): each.value for each in values})
        return self.state


@settings(max_examples=300)
@given(wanteds(), states())
def test_a_plan_leads_to_what_is_wanted_and_leaves_nothing_to_do(wanted, state):
    reached = Device(state).apply(plan(wanted, state, RULES))
    for each in wanted.values:
        assert not differs(each.value, reached[each.path], each.type)
    for table in wanted.tables:
        rows = {name.split(".")[3] for name in reached if name.startswith(TABLE)}
        assert len(rows) >= len(table.rows)
        assert not table.exact or len(rows) == len(table.rows)
    assert plan(wanted, reached, RULES).steps == ()
    assert deviations(wanted, reached) == []
    untouched = state.keys() - {each.path for each in wanted.values}
    for name in untouched:
        kind = f"xsd:{NAMES.get(name, 'string')}"
        assert name.startswith(TABLE) or not differs(state[name], reached[name], kind)


@settings(max_examples=300)
@given(wanteds(), states())
def test_the_order_of_a_plan(wanted, state):
    steps = plan(wanted, state, RULES).steps
    kinds = [type(step) for step in steps]
    rows = [number for number, kind in enumerate(kinds) if kind in (AddObject, DeleteObject)]
    sets = [number for number, kind in enumerate(kinds) if kind is SetValues]
    locked = bool(steps) and isinstance(steps[0], SetValues) and "locked" in steps[0].values[0].because
    # rows first, the deleted ones before the new ones; only a lock comes before them
    assert all(before < after for before in rows for after in (sets[1:] if locked else sets))
    assert [kinds[number] for number in rows] == sorted(
        (kinds[number] for number in rows), key=lambda kind: kind is AddObject
    )
    batches = [step.values for step in steps if isinstance(step, SetValues)]
    assert all(1 <= len(batch) <= RULES.set_batch for batch in batches)
    # AdminState alone and last
    admin = [number for number, batch in enumerate(batches) if any(each.path == ADMIN for each in batch)]
    assert all(len(batches[number]) == 1 for number in admin)
    assert [number for number in admin if not (locked and number == 0)] in ([], [len(batches) - 1])
    # what guards the device before the rest
    paths = [each.path for batch in batches for each in batch if each.path != ADMIN]
    guards = [path.startswith(("Device.Time.", "Device.IPsec.")) for path in paths]
    assert guards == sorted(guards, reverse=True)
    # what is locked for changes only while the cell is
    touched = any(re.match(r"Device\.FAP\.(Cell|Pci)", path) for path in paths) or bool(rows)
    assert locked == (touched and state.get(ADMIN) in ("1", "true"))


@given(wanteds())
def test_everything_has_a_reason(wanted):
    for step in plan(wanted, {}, RULES).steps:
        if isinstance(step, SetValues):
            assert all(each.because for each in step.values)
        else:
            assert step.because


def test_a_secret_is_set_once():
    wanted = Wanted((WantedValue("Device.Password", "", "xsd:string", "Device.Password", "*", "cwmp"),))
    [step] = plan(wanted, {"Device.Password": ""}, RULES).steps
    assert step.values[0].secret == "cwmp"
    assert plan(wanted, {}, RULES, applied_secrets={"Device.Password": "cwmp"}).steps == ()
    assert plan(wanted, {}, RULES, applied_secrets={"Device.Password": "other"}).steps
    assert deviations(wanted, {"Device.Password": ""}) == []


def test_a_secret_of_a_row_is_set_with_a_new_row_and_where_it_is_new():
    row = WantedRow((("Username", "ann", "xsd:string"),), (("Password", "ann-1", "xsd:string"),))
    wanted = Wanted(tables=(WantedTable("Device.U.", ("Username",), (row,), False, "*"),))
    added = plan(wanted, {}, RULES)
    assert [type(each) for each in added.steps] == [AddObject, SetValues]
    assert [(each.path, each.value, each.secret) for each in added.values] == [
        ("Device.U.<1>.Password", "", "ann-1"),
        ("Device.U.<1>.Username", "ann", ""),
    ]
    there = {"Device.U.3.Username": "ann", "Device.U.3.Password": ""}
    assert [each.path for each in plan(wanted, there, RULES).values] == ["Device.U.3.Password"]
    assert plan(wanted, there, RULES, applied_secrets={"Device.U.3.Password": "ann-1"}).steps == ()
    assert deviations(wanted, there) == []


def test_deviations_name_what_and_why():
    wanted = Wanted(
        (
            WantedValue("Device.A", "1", "xsd:boolean", "cell.a", "site:x"),
            WantedValue("Device.B", "1", "xsd:int", "Device.B", "*"),
        ),
        (WantedTable(TABLE, ("Key",), (as_row({"Key": "1"}),), True, "class:A"),),
    )
    found = deviations(wanted, {"Device.A": "false", f"{TABLE}3.Key": "2"})
    assert {(each.kind, each.path, each.because.split(" ")[-1]) for each in found} == {
        ("value", "Device.A", "site:x"),
        ("unknown", "Device.B", "*"),
        ("missing", f"{TABLE}<1>.", "class:A"),
        ("extra", f"{TABLE}3.", "it"),
    }
