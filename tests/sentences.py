"""TR 33.820 clause 5.7 ("S1") sentence by sentence, in our own words: what tests name as "S1 L39.2".

The number after L is the line, the one after the dot the sentence, where a line has more than one. Headings
are no rows; a list's items are.
"""

from __future__ import annotations

from tests.rows import Table

HEADINGS = frozenset({11, 12, 25, 26, 30, 31, 34, 35, 44, 45, 49, 50, 52, 80, 81, 86, 87})
"""The lines that are only headings. L53 is one too, and says that what follows is optional."""

_GENERAL = {
    "S1 L6.1": "validation of the HeNB prevents the important faults and attacks, or at least detects them",
    "S1 L6.2": "no tampering goes unnoticed, nor an attempt",
    "S1 L6.3": "some attacks are only told; others are countered, for example by new validated firmware",
    "S1 L6.4": "three situations are told apart",
    "S1 L7": "tampering that needs no immediate remediation",
    "S1 L8": "tampering that is remedied remotely",
    "S1 L9": "a fatal breach: the HeNB tries to shut down, the HeMS puts its identity on the black list",
    "S1 L10": "the escalation: detection, remote remediation, at last shut-down and block",
}
_DETECTION = {
    "S1 L13": "the HeNB detects tampering and fatal breaches",
    "S1 L14": "firmware or software was modified",
    "S1 L15": "a configuration parameter was changed",
    "S1 L16": "a software component behaves unexpectedly",
    "S1 L17": "the clock's speed was modified",
    "S1 L18": "the antenna was modified",
    "S1 L19": "the case was opened",
    "S1 L20": "circuits were modified",
    "S1 L21": "other causes are understood as well",
    "S1 L22.1": "a security alarm is raised and goes to the HeMS by the standard alarm reporting",
    "S1 L22.2": "every security alarm has an event type",
    "S1 L22.3": "event types are those of TS 32.111-2 Annex B",
    "S1 L23": "EventType, ProbableCause and PerceivedSeverity start the procedure",
    "S1 L24": "security alarms are made expedited, or queued, at the HeNB",
}
_PROCEDURES = {
    "S1 L27": "the HeMS determines the procedure from an alarm that it receives or detects itself",
    "S1 L28.1": "an alarm that tells too little leads to a diagnostic test and its report",
    "S1 L28.2": "the test is the data model's own diagnostic mechanism",
    "S1 L32.1": "alarms without immediate remediation go to the managers over Type 2",
    "S1 L32.2": "analysis and action are the managers'; here nothing is done to the HeNB",
    "S1 L32.3": "a HeNB that can't tell the HeMS starts extended remediation by itself",
    "S1 L36": "the HeMS forwards the alarm over Type 2, analyses it and starts a procedure",
    "S1 L38": "manipulated configuration: reconfiguration",
    "S1 L39.1": "the HeMS reconfigures the HeNB over TR-069",
    "S1 L39.2": "where that fails: reboot and reconfigure, factory reset and reconfigure",
    "S1 L39.3": "where all of it fails, or the HeNB is not reached: extended remediation",
    "S1 L41": "manipulated software: reload",
    "S1 L42.1": "the HeMS has software downloaded over TR-069, then reconfigures the HeNB",
    "S1 L42.2": "where that fails: reboot and download, factory reset and download",
    "S1 L42.3": "where the download can't be finished: extended remediation",
    "S1 L46.1": "after a fatal alarm the HeNB closes the session and shuts down",
    "S1 L46.2": "a HeNB that can't tell of it starts extended remediation by itself",
    "S1 L47.1": "the HeMS forwards a fatal alarm over Type 2, analyses it and waits for instructions",
    "S1 L47.2": "such an instruction is to block the HeNB",
}
_DISTRESS = {
    "S1 L51.1": "extended remediation works although the path between HeNB and HeMS does not",
    "S1 L51.2": "distress channel and emergency remediation exist on both sides",
    "S1 L53": "the distress channel is optional",
    "S1 L54.1": "at least one distress channel is defined beforehand",
    "S1 L54.2": "it is another path with a simplified protocol for basic operations",
    "S1 L54.3": "it carries ACS-initiated session, Inform, Reboot, FactoryReset and Download",
    "S1 L54.4": "it carries Get and the trigger of an Emergency Diagnostic Test",
    "S1 L54.5": "the HeMS only triggers; the HeNB opens a secure connection to the HeMS",
    "S1 L54.6": "several kinds of paths serve as distress channels",
    "S1 L56": "a second IPsec connection",
    "S1 L58": "direct Internet access, outside the IPsec tunnel",
    "S1 L60": "the air interface, with the HeNB as a UE",
    "S1 L62.1": "HeNB and HeMS use it whenever the standard connection does not work",
    "S1 L62.2": "the HeMS uses it too where a connection request over the standard path fails",
    "S1 L62.3": "its trigger makes the HeNB open a session over the standard path",
    "S1 L62.4": "where that fails the HeNB takes the distress channel as second path",
    "S1 L64.1": "over the second path the HeNB tells what it has to tell and does what it is asked",
    "S1 L64.2": "over the second path the HeMS learns what it needs and remediates",
    "S1 L66.1": "where the second path fails too: emergency remediation, without it an immediate shut-down",
    "S1 L66.2": "the HeMS tells the managers that no communication is possible, and waits for instructions",
    "S1 L68": "the HeMS begins in the two cases that follow, and not otherwise",
    "S1 L70": "an alarm calls for an action that the standard path does not carry",
    "S1 L72": "a forced management request over Type 2 does not reach an active HeNB",
    "S1 L74": "the HeNB begins in the two cases that follow, and not otherwise",
    "S1 L76": "it is connected to the HeNB-GW or MME and can't reach the HeMS",
    "S1 L78": "it gets a connection request that the standard path can't satisfy",
}
_EMERGENCY = {
    "S1 L82.1": "a HeNB with a fault begins emergency remediation when no path works and the network is there",
    "S1 L82.2": "it resets and boots a fail-safe image",
    "S1 L82.3": "the image is protected and can open a session and download software",
    "S1 L82.4": "then it connects to the emergency management system and asks for software",
    "S1 L82.5": "after the download it boots that software, and discovers and registers anew",
    "S1 L84": "where that fails it shuts down, and the emergency management system tells the managers",
}
_MEASURES = {
    "S1 L88.1": "the operator starts further actions, or the system does by itself",
    "S1 L88.2": "there are several such actions",
    "S1 L90": "the SeGW's black list or white list",
    "S1 L92": "a block at the HeMS, or at the HeNB-GW or MME",
    "S1 L94": "the subscriber is asked to replace the HeNB",
    "S1 L95": "other measures can be added",
    "S1 L97": "measures follow alarms of what the HeMS can't remedy itself",
}
_ROWS = _GENERAL | _DETECTION | _PROCEDURES | _DISTRESS | _EMERGENCY | _MEASURES
_OPEN: dict[str, str] = {}
"""What nothing proves yet, and why; the build stays green as long as it stands here."""


def _cells(row: str) -> tuple[str, ...]:
    line, _, sentence = row.removeprefix("S1 ").partition(".")
    return line, sentence or "1"


S1 = Table(
    page="docs/clause-5-7.md",
    title="TR 33.820 clause 5.7, sentence by sentence, and which test proves it",
    intro="Written by `python -m tests.rows`. Lines are those of the clause as text, sentences are counted in their"
    " line and told in our words; headings are left out. *Passes*: at least one test proves it that every run of"
    " the test suite executes; tests that may be skipped are not counted. The acceptance tests are in `tests/seed`.",
    folders=("tests",),
    rows=_ROWS,
    prefix="S1 ",
    must_run=True,
    open=_OPEN,
    heads=("Line", "Sentence"),
    cells=_cells,
)
