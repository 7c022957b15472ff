"""The remediation policy: which alarm starts which procedure, the ladders, timers and limits. Data.

A policy is a YAML file; its version is a hash of its text, so that every case can say under which
rules it was opened.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from acs.alarms import EVENT_TYPES, PROBABLE_CAUSES, SEVERITIES, Inhibition, inhibition_problems
from acs.detection import CHECKS, Thresholds, threshold_problems
from acs.documents import read_yaml
from acs.errors import AcsError
from acs.remediation.measures import Measures, measure_problems
from acs.remediation.safety.limits import Safety, safety_problems
from acs.remediation.words import Words, fits, listed

__all__ = [
    "Decision",
    "Discovery",
    "Distress",
    "Emergency",
    "Evidence",
    "Ladders",
    "Limits",
    "Policy",
    "Procedure",
    "Rule",
    "Timers",
    "classify",
    "default_policy_text",
    "load_policy",
    "parse_policy",
    "playbooks_of",
]

Procedure = str
"""P1, P2R, P2S, P3 or DX, or ``playbook:NAME``: an operator's."""
_PROCEDURES = ("P1", "P2R", "P2S", "P3", "DX")
_RUNGS = {
    "reconfiguration": ("reconfigure", "reboot", "factory_reset"),
    "software_reload": ("download", "reboot", "factory_reset"),
}
_PLAYBOOK = re.compile(r"playbook:[^\W\d]\w{0,63}")
_SECURITY_GATEWAYS = 3  # SecGWServer1 to 3 (TR-196)


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """If all four words fit, this procedure. A word is ``*``, one value, or a list of values."""

    procedure: Procedure
    because: str
    event_type: Words = "*"
    probable_cause: Words = "*"
    severity: Words = "*"
    specific_problem: Words = "*"
    product_class: Words = "*"


class Timers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long is waited, in seconds."""

    session: float = 120
    diagnostic: float = 600
    reboot: float = 300
    factory_reset: float = 600
    download: float = 1800
    verify: float = 120
    retry: float = 5


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often; ``recurrence_window`` in seconds."""

    tries: int = 2
    diagnostic_rounds: int = 2
    recurrences: int = 2
    recurrence_window: float = 86400


class Ladders(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rungs of the two escalation schemes, in order (S1 L39, L42: "etc.").

    Beside reconfigure or download, reboot and factory_reset a rung may be ``playbook:NAME``, an operator's.
    """

    reconfiguration: list[str] = msgspec.field(
        default_factory=lambda: ["reconfigure", "reboot", "factory_reset"]
    )
    software_reload: list[str] = msgspec.field(
        default_factory=lambda: ["download", "reboot", "factory_reset"]
    )


class Distress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Extended remediation over distress channels (S1 5.7.3.1); times in seconds.

    ``standard_path``: from a trigger to a session over the standard path; ``second_path``: from then to one
    over the distress channel; ``emergency``: until a HeNB comes back that is expected to be in emergency
    remediation. ``resumptions``: how often a case is taken up again where it was, before a person decides.
    ``failed_ladder``: where a ladder failed though the HeNB answers, trigger it and try its last rung again
    (``trigger``, S1 L39, L42), or leave it to the managers at once (``managers``).
    ``reconfiguration`` and ``software_reload`` are the rungs of the ladders over the second path.
    ``second_approval`` names the instructions that take two persons.
    """

    standard_path: float = 120
    second_path: float = 300
    emergency: float = 7200
    resumptions: int = 3
    triggers_per_hour: int = 12
    failed_ladder: Literal["trigger", "managers"] = "trigger"
    reconfiguration: list[Literal["reboot", "factory_reset"]] = msgspec.field(
        default_factory=lambda: ["reboot", "factory_reset"]
    )
    software_reload: list[Literal["download", "reboot", "factory_reset"]] = msgspec.field(
        default_factory=lambda: ["download", "reboot", "factory_reset"]
    )
    second_approval: list[Literal["RETRY", "BLOCK", "RELEASE", "EXPECT_EMERGENCY", "CLOSE"]] = []


class Emergency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Emergency remediation (S1 5.7.3.2); times in seconds.

    ``request``: until a fail-safe image that came has asked for software; ``registration``: from the end of
    the download until the HeNB has registered with it (t_em). ``attempts``: how often a HeNB may try by
    itself, before a person decides. ``blocked``: whether a HeNB on the black list is served: never
    (``refuse``), when somebody instructed EXPECT_EMERGENCY (``expected``), or always (``admit``); measures of
    the network that nobody released stay in force all the same.
    """

    request: float = 300
    registration: float = 3600
    attempts: int = 3
    blocked: Literal["refuse", "expected", "admit"] = "expected"


class Discovery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an initial HeMS tells a HeNB (TS 32.593 5.1); in each ``{serial}`` and ``{oui}`` are the device's.

    What is declared for the device goes before. An empty ``serving_hems`` leaves ManagementServer.URL alone.
    """

    serving_hems: str = ""
    security_gateways: list[str] = []
    s1_servers: list[str] = []


class Provisioning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a HeNB is given at first contact; the interval in seconds.

    ``stun_server`` (``host:port``) is for HeNBs behind a NAT (TR-069 Annex G); "" leaves STUN as it is.
    """

    periodic_inform_interval: int = 900
    stun_server: str = ""


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which files are fetched from a device before which ladder; ``timeout`` in seconds for each.

    None where a policy says nothing, so that a case of an older policy goes on as it began.
    """

    files: list[Literal["logs", "configuration"]] = []
    procedures: list[Literal["P2R", "P2S"]] = msgspec.field(default_factory=lambda: ["P2S"])
    timeout: float = 120


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole policy; ``version`` and ``text`` are filled in when it is read.

    ``minimal_versions``: by ProductClass, or ``*``, the oldest software that a device may be given.
    ``extends: default`` takes over what the shipped policy says and the file does not.
    """

    rules: list[Rule]
    name: str = "unnamed"
    extends: Literal["", "default"] = ""
    timers: Timers = Timers()
    limits: Limits = Limits()
    ladders: Ladders = msgspec.field(default_factory=Ladders)
    distress: Distress = msgspec.field(default_factory=Distress)
    emergency: Emergency = Emergency()
    discovery: Discovery = Discovery()
    provisioning: Provisioning = Provisioning()
    evidence: Evidence = msgspec.field(default_factory=Evidence)
    minimal_versions: dict[str, str] = {}
    measures: Measures = msgspec.field(default_factory=Measures)
    detection: Thresholds = Thresholds()
    safety: Safety = msgspec.field(default_factory=Safety)
    inhibit: list[Inhibition] = []
    version: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The procedure that a policy prescribes, why, and by which rule (counted from 1)."""

    procedure: Procedure
    because: str
    rule: int


def default_policy_text() -> str:
    """Return the text of the policy that is shipped."""
    return resources.files("acs.remediation").joinpath("default_policy.yaml").read_text(encoding="utf-8")


def load_policy(path: Path | None) -> Policy:
    """Read the policy at ``path``, or the shipped one. Raises ``AcsError`` naming file, place and remedy."""
    if path is None:
        return parse_policy(default_policy_text(), "the shipped policy")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AcsError(f"can't read the policy {path}: {error}") from error
    return parse_policy(text, str(path))


@lru_cache(maxsize=64)
def parse_policy(text: str, source: str = "the policy") -> Policy:
    """Parse and check a policy; ``source`` names it in errors."""
    try:
        raw = read_yaml(text, source)
        if isinstance(raw, dict) and raw.get("extends") == "default":
            raw = _extended(raw)
            text = yaml.safe_dump(raw, sort_keys=False)  # what is kept of it stands for itself
        policy = msgspec.convert(raw, Policy)
    except msgspec.ValidationError as error:
        raise AcsError(f"{source}: {error}; see `acs policy show` for a policy that is right") from error
    problems = list(_problems(policy))
    if problems:
        raise AcsError(f"{source}: " + "; ".join(problems))
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    return msgspec.structs.replace(policy, version=version, text=text)


def _extended(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the shipped policy with what ``raw`` says in its place; sections are merged, lists replaced."""
    merged: dict[str, Any] = yaml.safe_load(default_policy_text())
    for name, value in raw.items():
        section = merged.get(name)
        merged[name] = (
            {**section, **value} if isinstance(section, dict) and isinstance(value, dict) else value
        )
    del merged["extends"]
    return merged


def playbooks_of(policy: Policy) -> list[str]:
    """Return the names of the operators' playbooks that a policy names."""
    words = [rule.procedure for rule in policy.rules]
    words += [*policy.ladders.reconfiguration, *policy.ladders.software_reload]
    return sorted({word.partition(":")[2] for word in words if ":" in word})


_VOCABULARY: dict[str, tuple[str, ...]] = {
    "event_type": tuple(EVENT_TYPES),
    "probable_cause": tuple(PROBABLE_CAUSES),
    "severity": SEVERITIES,
}


def _problems(policy: Policy) -> list[str]:
    found = [
        problem for number, rule in enumerate(policy.rules, 1) for problem in _rule_problems(number, rule)
    ]
    if not policy.rules:
        found.append("there is no rule; the last one should fit everything")
    elif classify(policy, "?", "?", "?", specific_problem="?", product_class="?") is None:
        found.append("no rule fits every alarm; end with a rule that has only `procedure` and `because`")
    found += [
        f"ladders.{ladder}: the rung {rung!r} is unknown; known are {', '.join(known)} and playbook:NAME"
        for ladder, known in _RUNGS.items()
        for rung in getattr(policy.ladders, ladder)
        if rung not in known and not _PLAYBOOK.fullmatch(rung)
    ]
    limits, timers = msgspec.structs.asdict(policy.limits), msgspec.structs.asdict(policy.timers)
    found += [f"limits.{name} is {value}; 1 or more is needed" for name, value in limits.items() if value < 1]
    found += [
        f"timers.{name} is {value}; a positive number is needed"
        for name, value in timers.items()
        if not value > 0
    ]
    found += [
        f"distress.{name} is {value}; a positive number is needed"
        for name, value in msgspec.structs.asdict(policy.distress).items()
        if isinstance(value, int | float) and not value > 0
    ]
    found += [
        f"emergency.{name} is {value}; a positive number is needed"
        for name, value in msgspec.structs.asdict(policy.emergency).items()
        if isinstance(value, int | float) and not value > 0
    ]
    found += _discovery_problems(policy.discovery)
    if not policy.evidence.timeout > 0:
        found.append(f"evidence.timeout is {policy.evidence.timeout}; a positive number is needed")
    found += safety_problems(policy.safety)
    found += threshold_problems(policy.detection, frozenset(CHECKS))
    found += measure_problems(policy.measures, _VOCABULARY)
    found += inhibition_problems(policy.inhibit)
    server = policy.provisioning.stun_server
    if server and not re.fullmatch(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}", server):
        found.append(f"provisioning.stun_server is {server!r}; it is host:port, for example acs.example:3478")
    found += [
        f"minimal_versions: {version!r} of {name} has no digit, or more than 64 characters"
        for name, version in policy.minimal_versions.items()
        if not any(c.isdecimal() for c in version) or len(version) > 64
    ]
    return found


def _discovery_problems(discovery: Discovery) -> list[str]:
    found = []
    if discovery.serving_hems and not discovery.serving_hems.startswith(("https://", "http://")):
        found.append(f"discovery.serving_hems is {discovery.serving_hems!r}; it begins with https://")
    if len(discovery.security_gateways) > _SECURITY_GATEWAYS:
        found.append(f"discovery.security_gateways: a HeNB has {_SECURITY_GATEWAYS} at most")
    return found


def _rule_problems(number: int, rule: Rule) -> list[str]:
    found = [
        f"rule {number}: {field} {word!r} is unknown; known are {', '.join(known[:12])}"
        for field, known in _VOCABULARY.items()
        for word in listed(getattr(rule, field))
        if word != "*" and word not in known
    ]
    if rule.procedure not in _PROCEDURES and not _PLAYBOOK.fullmatch(rule.procedure):
        known = ", ".join(_PROCEDURES)
        found.append(
            f"rule {number}: the procedure {rule.procedure!r} is unknown; known are {known} and playbook:NAME"
        )
    if not rule.because.strip():
        found.append(f"rule {number}: `because` is empty; say why")
    return found


def classify(
    policy: Policy,
    event_type: str,
    probable_cause: str,
    severity: str,
    *,
    specific_problem: str = "",
    product_class: str = "",
) -> Decision | None:
    """Return what the first fitting rule prescribes (S1 L23, L27); words in canonical spelling.

    None when no rule fits, which a checked policy excludes.
    """
    problem = specific_problem.strip().upper()
    for number, rule in enumerate(policy.rules, 1):
        if (
            fits(rule.event_type, event_type)
            and fits(rule.probable_cause, probable_cause)
            and fits(rule.severity, severity)
            and fits(rule.specific_problem, problem)
            and fits(rule.product_class, product_class)
        ):
            return Decision(rule.procedure, rule.because, number)
    return None
