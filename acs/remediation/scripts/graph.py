"""The steps of a playbook as a Mermaid flowchart, from its source. Pure."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from acs.errors import AcsError
from acs.remediation.scripts.load import Script

__all__ = ["graph"]

Ends = list[tuple[str, str]]  # nodes that go on from here, and what is written at the arrow
_LONGEST = 60


def graph(script: Script) -> str:
    """Return the playbook as the text of a Mermaid flowchart, top down."""
    tree = ast.parse(script.bundle.files[script.bundle.entry])
    for node in tree.body:
        if isinstance(node, ast.AsyncFunctionDef) and node.name == script.name:
            drawing = _Drawing()
            start = drawing.node(f"([{_quoted(script.name)}])", [])
            drawing.finish(drawing.block(node.body, [(start, "")]), "ended")
            return "\n".join(["flowchart TD", *drawing.lines]) + "\n"
    raise AcsError(f"{script.bundle.entry}.py does not define {script.name} itself; nothing can be drawn")


@dataclass(slots=True)
class _Drawing:
    lines: list[str] = field(default_factory=list)
    count: int = 0
    loops: list[tuple[str, Ends]] = field(default_factory=list)

    def node(self, shape: str, before: Ends) -> str:
        self.count += 1
        name = f"n{self.count}"
        self.lines.append(f"    {name}{shape}")
        self.connect(before, name)
        return name

    def connect(self, before: Ends, name: str) -> None:
        self.lines += [
            f"    {each} -->{f'|{_quoted(label)}|' if label else ''} {name}" for each, label in before
        ]

    def finish(self, before: Ends, text: str) -> None:
        if before:
            self.node(f"([{_quoted(text)}])", before)

    def block(self, body: list[ast.stmt], before: Ends) -> Ends:
        for each in body:
            if not before:
                break  # after a return
            before = self.statement(each, before)
        return before

    def statement(self, node: ast.stmt, before: Ends) -> Ends:  # noqa: PLR0911 - one for each kind
        match node:
            case ast.If(test=test, body=body, orelse=orelse):
                before = self.steps(test, before)
                choice = self.node(f"{{{_quoted(ast.unparse(test))}}}", before)
                return self.block(body, [(choice, "yes")]) + self.block(orelse, [(choice, "no")])
            case ast.For(target=target, iter=each, body=body):
                before = self.steps(each, before)
                return self.loop(f"for {ast.unparse(target)} in {ast.unparse(each)}", body, before)
            case ast.While(test=test, body=body):
                before = self.steps(test, before)
                return self.loop(f"while {ast.unparse(test)}", body, before)
            case ast.Match(subject=subject, cases=cases):
                return self.match(ast.unparse(subject), cases, self.steps(subject, before))
            case ast.With(body=body) | ast.AsyncWith(body=body):
                return self.block(body, before)
            case ast.Try():
                return self.attempt(node, before)
            case ast.Return() | ast.Raise() | ast.Break() | ast.Continue():
                self.leave(node, before)
                return []
            case _:
                return self.steps(node, before)

    def attempt(self, node: ast.Try, before: Ends) -> Ends:
        first = self.count + 1
        ends = self.block([*node.body, *node.orelse], before)
        tried = [(f"n{number}", "") for number in range(first, self.count + 1)][-1:] or before
        for handler in node.handlers:
            what = ast.unparse(handler.type) if handler.type else "any error"
            ends += self.block(handler.body, [(name, what) for name, _ in tried])
        return self.block(node.finalbody, ends)

    def leave(self, node: ast.stmt, before: Ends) -> None:
        match node:
            case ast.Return(value=value):
                before = self.steps(value, before) if value else before
                self.finish(before, ast.unparse(value) if value else "ended")
            case ast.Raise(exc=exc):
                self.finish(before, f"raise {ast.unparse(exc) if exc else ''}")
            case ast.Break():
                self.loops[-1][1].extend(before)
            case ast.Continue():
                self.connect(before, self.loops[-1][0])

    def match(self, text: str, cases: list[ast.match_case], before: Ends) -> Ends:
        choice = self.node(f"{{{_quoted(text)}}}", before)
        ends: Ends = []
        for each in cases:
            guard = f" if {ast.unparse(each.guard)}" if each.guard else ""
            ends += self.block(each.body, [(choice, f"{ast.unparse(each.pattern)}{guard}")])
        last = cases[-1]
        whatever = isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None and not last.guard
        return ends if whatever else [*ends, (choice, "no")]

    def loop(self, text: str, body: list[ast.stmt], before: Ends) -> Ends:
        head = self.node(f"{{{{{_quoted(text)}}}}}", before)
        self.loops.append((head, []))
        self.connect(self.block(body, [(head, "each")]), head)
        _, left = self.loops.pop()
        return [*([] if text == "while True" else [(head, "done")]), *left]

    def steps(self, node: ast.AST, before: Ends) -> Ends:
        """Draw what is awaited in an expression, in order."""
        for each in ast.walk(node):
            if isinstance(each, ast.Await) and isinstance(each.value, ast.Call):
                before = [(self.node(f"[{_quoted(_step(each.value))}]", before), "")]
        return before


def _step(call: ast.Call) -> str:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
    arguments = ", ".join(ast.unparse(each) for each in call.args if ast.unparse(each) != "case")
    because = next((ast.unparse(each.value) for each in call.keywords if each.arg == "because"), "")
    text = f"{name} {arguments}"[:_LONGEST].strip()
    return f"{text}<br/>{because[:_LONGEST]}" if because else text


def _quoted(text: str) -> str:
    return '"' + text[:150].replace('"', "'").replace("\n", " ") + '"'
