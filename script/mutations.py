# SPDX-License-Identifier: GPL-2.0-only
"""What script/mutate can change: single tokens of ported code and of the unit."""
import collections
import functools
import pathlib
import re

SOURCE = pathlib.Path.cwd()
# Ported code and the unit. Names and sentences of diagnoses are no behaviour.
ROOMS = ("core/pci/", "core/iommu/", "core/dma/", "core/irq/", "intel/", "dma/", "platform/vtd/",
         "platform/dma/")
LEFT_OUT = re.compile(r"diagnosis\.cc$")
# Statements whose text, not whose effect, is at stake.
TEXT_CALLS = re.compile(
    r"\b(assert|static_assert|bug_on|IOMMULAB_\w+|pr\.\w+|log\.\w+|dmar_report|StrFormat|StrCat|"
    r"StrAppend|StrAppendFormat|print|dev_\w+|add_finding|tell|emit|note|trace_\w+|ABSL_\w+)\(")

BINARY = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||",
          "||": "&&", "&": "|", "|": "&", "<<": ">>", ">>": "<<", "+": "-", "-": "+", "+=": "-=",
          "-=": "+=", "|=": "&=", "&=": "|="}
# A statement that begins with what is called.
CALL = re.compile(r"(?<=[;{}:)])\s*\n +((?!return|if|for|while|switch|throw|delete|case|using)"
                  r"[\w.:>*\[\]-]+\()")

KINDS = ("call", "condition", "constant", "jump", "negation", "operator", "result", "value")
Change = collections.namedtuple("Change", "kind file start end new")


@functools.cache
def source(file):
    return (SOURCE / file).read_text()


def blanked(text, start, end):
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]


def closing(text, at):
    """The place of the parenthesis that closes the one at `at`."""
    depth = 0
    for i in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return i
    return len(text) - 1


def code_only(text):
    """The text with comments, literals, preprocessor lines and text calls turned into spaces."""
    noise = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|^\s*#[^\n]*',
                       re.S | re.M)
    for match in list(noise.finditer(text)):
        text = blanked(text, *match.span())
    for match in list(TEXT_CALLS.finditer(text)):
        text = blanked(text, match.start(), closing(text, match.end() - 1) + 1)
    return text


def changes_of(file):
    code = code_only(source(file))

    def simple(kind, pattern, new):
        for match in re.finditer(pattern, code, re.M):
            replacement = new(match.group(1))
            if replacement is not None:
                yield Change(kind, file, *match.span(1), replacement)

    operators = "|".join(re.escape(op) for op in sorted(BINARY, key=len, reverse=True))
    yield from simple("operator", rf"(?<= )({operators})(?= )", BINARY.get)
    yield from simple("jump", r"\b(continue)\s*;", lambda _: "break")
    yield from simple("value", r"\b(true|false)\b",
                      lambda word: "false" if word == "true" else "true")
    yield from simple("constant", r"(?<![\w.])(0x[0-9a-f]+|\d+)(?![\w.'])",
                      lambda number: str(int(number, 0) + 1))
    yield from simple("result", r"\breturn (0|-E\w+|ret);", lambda v: "1" if v == "0" else "0")
    yield from simple("negation", r"[( ](!)(?=[\w(])", lambda _: "")
    for match in CALL.finditer(code):
        end = closing(code, match.end(1) - 1) + 1
        if code[end:end + 1] == ";":
            yield Change("call", file, match.start(1), end, "(void)0")
    for match in re.finditer(r"\b(?:if|while) (\()", code):
        end = closing(code, match.start(1))
        if ";" not in code[match.end(1):end] and " = " not in code[match.end(1):end]:
            condition = source(file)[match.end(1):end]
            yield Change("condition", file, match.end(1), end, f"!({condition})")


def line_of(change):
    return source(change.file).count("\n", 0, change.start) + 1


def candidates(files, prefix, kind):
    """Changes by kind, or those of one kind, in an order that depends on the tree alone."""
    kinds = collections.defaultdict(list)
    for file in files:
        if not (file.endswith((".cc", ".h")) and file.startswith(ROOMS)) or LEFT_OUT.search(file):
            continue
        for change in changes_of(file):
            place = f"{file}:{line_of(change)}"
            if kind in (None, change.kind) and (file.startswith(prefix) or place == prefix):
                kinds[change.kind].append(change)
    return [kinds[kind] for kind in sorted(kinds)]


def lines_of(change):
    """The lines that change, as they are and as they become, each in one line."""
    text = source(change.file)
    first, last = text.rfind("\n", 0, change.start) + 1, text.find("\n", change.end)
    before = text[first:last]
    after = text[first:change.start] + change.new + text[change.end:last]
    return " ".join(before.split()), " ".join(after.split())


def text_of(change):
    text = source(change.file)
    line = text[text.rfind("\n", 0, change.start) + 1:text.find("\n", change.start)].strip()
    old = re.sub(r"\s+", " ", text[change.start:change.end])
    new = re.sub(r"\s+", " ", change.new)
    return f"{change.file}:{line_of(change)}  {old}  ->  {new}    in: {line}"
