"""Rejects what C++ takes and MQL5 does not, and what is doubtful in MetaEditor.

    python -m tests.mql5.lint [FILE ...]

The sources are parsed as C++ after the few things that C++ does not know are blanked, in place, so that lines and
columns stay. Nobody compiles MQL5 on Linux: this and the shim stand in for MetaEditor.
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

import tree_sitter_cpp
from tree_sitter import Language, Node, Parser

from tests.mql5.preprocess import ROOT, bare, sources, tokens

_NAMES = Path(__file__).with_name("mql5_names.txt")
_BLANKED = re.compile(r"#property[^\n]*|#import[^\n]*|\bs?input[ \t]+group\b[^\n]*|\bs?input[ \t]+(?=\w)", re.MULTILINE)
_TYPES = frozenset(
    re.findall(r"\w+", "void bool char uchar short ushort int uint long ulong float double string datetime color")
)
_FORBIDDEN_NODES = {
    "lambda_expression": "a lambda",
    "placeholder_type_specifier": "auto",
    "auto": "auto",
    "decltype": "decltype",
    "namespace_definition": "a namespace",
    "namespace_alias_definition": "a namespace",
    "using_declaration": "using",
    "alias_declaration": "using",
    "for_range_loop": "a range-for",
    "try_statement": "an exception",
    "throw_statement": "an exception",
    "template_declaration": "a template",
    "template_function": "a template or a C++ cast",
    "template_type": "a template",
    "template_method": "a template",
    "goto_statement": "goto",
    "static_assert_declaration": "static_assert",
    "type_definition": "typedef",
    "union_specifier": "a union",
    "friend_declaration": "friend",
    "virtual_specifier": "override or final",
    "noexcept": "noexcept",
    "attribute_declaration": "an attribute",
    "pointer_expression": "the address or the target of a pointer (use GetPointer)",
    "concatenated_string": "string literals side by side",
    "raw_string_literal": "a raw string",
    "nullptr": "nullptr (use NULL)",
    "user_defined_literal": "a literal with a suffix",
    "preproc_if": "#if (MQL5 has #ifdef and #ifndef)",
    "preproc_elif": "#elif",
    "preproc_call": "a directive that MQL5 does not have",
    "linkage_specification": "extern",
    "rvalue_reference_declarator": "an rvalue reference",
    "structured_binding_declarator": "a structured binding",
    "co_await_expression": "a coroutine",
    "requires_clause": "a concept",
    "trailing_return_type": "a trailing return type",
    "variadic_parameter_declaration": "a variable number of parameters",
    "explicit_function_specifier": "explicit",
    "operator_name": "an operator of one's own",
    "comma_expression": "the comma operator",
    "bitfield_clause": "bit-fields",
    "init_statement": "a declaration in a condition",
    "gnu_asm_expression": "asm",
    "operator_cast": "an operator of one's own",
    "parenthesized_declarator": "brackets around a declarator",
    "compound_literal_expression": "braces as a value",
    "initializer_pair": "names in braces",
    "attribute_specifier": "an attribute",
    "labeled_statement": "goto",
    "preproc_function_def": "a macro with parameters",
}
_FORBIDDEN_WORDS = frozenset(
    re.findall(
        r"\w+",
        "constexpr consteval mutable explicit volatile register extern inline static_cast dynamic_cast "
        "const_cast reinterpret_cast nullptr and or not unsigned signed size_t wchar_t noexcept alignas thread_local "
        "asm alignof typeid typename",
    )
)
_NUMBER = re.compile(r"-?(0x[0-9a-fA-F]+|(0|[1-9]\d*)(\.\d*)?(e[+-]?\d+)?|\.\d+(e[+-]?\d+)?)$")
_VALUE = re.compile(r"-?[\w.]+|\"[^\"]*\"")
_KINDS = {
    "class_specifier": ("a class", "field_declaration_list"),
    "struct_specifier": ("a struct", "field_declaration_list"),
    "enum_specifier": ("an enum", "enumerator_list"),
}
_TOP = frozenset(("translation_unit", "preproc_ifdef", "preproc_else"))


class Finding(NamedTuple):
    """What is wrong where."""

    path: Path
    line: int
    what: str

    def __str__(self) -> str:
        shown = self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path.name
        return f"{shown}:{self.line}: {self.what}"


@dataclass
class Known:
    """Names that may be used: MQL5's, and those that the sources declare."""

    functions: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)
    """Classes and structs."""
    structs: set[str] = field(default_factory=set)
    enums: set[str] = field(default_factory=set)
    constants: set[str] = field(default_factory=set)
    """What an array's size may be made of."""
    variables: set[str] = field(default_factory=set)


@cache
def mql5_names() -> frozenset[str]:
    """Functions and constants of MQL5 that may be used."""
    lines = _NAMES.read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def known(texts: Sequence[str]) -> Known:
    """What the sources declare, on top of MQL5's names."""
    names = Known(functions=set(mql5_names()), constants=set(mql5_names()))
    for text in texts:
        plain = bare(text)
        names.classes.update(re.findall(r"\b(?:class|struct)\s+(\w+)", plain))
        names.structs.update(re.findall(r"\bstruct\s+(\w+)", plain))
        names.enums.update(re.findall(r"\benum\s+(\w+)", plain))
        names.constants.update(re.findall(r"#define\s+(\w+)", plain))
        for body in re.findall(r"\benum\s+\w+\s*\{([^}]*)\}", plain):
            names.constants.update(re.findall(r"\w+", body))
        functions, variables = _declared(text)
        names.functions.update(functions)
        names.variables.update(variables)
    return names


@cache
def _declared(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Functions with methods and imports, and variables with members and parameters, that a source declares."""
    functions: set[str] = set()
    variables: set[str] = set()
    for node in _walk(_parser().parse(blanked(text).encode()).root_node):
        for declarator in node.children_by_field_name("declarator"):
            if declarator.type not in ("identifier", "field_identifier", "qualified_identifier"):
                continue
            name = _source(declarator).rpartition("::")[2]
            (functions if node.type == "function_declarator" else variables).add(name)
        if node.type in ("pointer_declarator", "reference_declarator"):
            variables.update(_source(each) for each in node.named_children if each.type.endswith("identifier"))
    return frozenset(functions), frozenset(variables)


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_cpp.language()))


def blanked(text: str) -> str:
    """The text without what C++ does not know; every line and column stays where it is."""
    text = _BLANKED.sub(lambda match: " " * len(match[0]), text)
    parts = []
    for kind, piece in tokens(text):
        parts.append("0" + " " * (len(piece) - 1) if kind in ("date", "colour") else piece)
    return "".join(parts)


class Lint:
    """One file's findings."""

    def __init__(self, path: Path, text: str, names: Known) -> None:
        self._path = path
        self._text = text
        self._names = names
        self._values = (names.variables, names.constants, names.functions, names.classes, _TYPES)
        self.findings: list[Finding] = []
        self._checks: dict[str, Callable[[Node], None]] = {
            "field_expression": self._field_expression,
            "qualified_identifier": self._qualified,
            "call_expression": self._call,
            "conditional_expression": self._choice,
            "condition_clause": self._condition,
            "delete_expression": self._delete,
            "base_class_clause": self._bases,
            "class_specifier": self._kind,
            "struct_specifier": self._kind,
            "enum_specifier": self._kind,
            "destructor_name": self._destructor,
            "compound_statement": self._block,
            "preproc_def": self._define,
            "parameter_declaration": self._parameter,
            "optional_parameter_declaration": self._parameter,
            "field_declaration": self._field,
            "declaration": self._declaration,
            "function_definition": self._function,
            "binary_expression": self._binary,
            "number_literal": self._number,
            "string_literal": self._string,
            "char_literal": self._string,
            "identifier": self._identifier,
            "type_identifier": self._type,
            "primitive_type": self._type,
            "sized_type_specifier": self._type,
            "new_expression": self._new,
        }

    def run(self) -> list[Finding]:
        """Everything that is wrong."""
        self._lines()
        tree = _parser().parse(blanked(self._text).encode())
        for node in _walk(tree.root_node):
            if node.is_error or node.is_missing:
                self._note(node, "this is not understood")
            elif node.type in _FORBIDDEN_NODES:
                self._note(node, f"MQL5 sources here do without {_FORBIDDEN_NODES[node.type]}")
            elif not node.is_named and _source(node) in _FORBIDDEN_WORDS | {"..."}:
                self._note(node, f"MQL5 sources here do without {_source(node)}")
            elif node.type in self._checks:
                self._checks[node.type](node)
        return sorted(set(self.findings))

    def _note(self, node: Node, what: str) -> None:
        self.findings.append(Finding(self._path, node.start_point[0] + 1, what))

    def _lines(self) -> None:
        def note(line: int, what: str) -> None:
            self.findings.append(Finding(self._path, line, what))

        if self._text.startswith("\ufeff"):
            note(1, "the file begins with a byte order mark")
        if "#property strict" not in self._text:
            note(1, "#property strict is missing")
        for number, line in enumerate(self._text.split("\n"), 1):
            if len(line) > 120:
                note(number, "the line is longer than 120")
            if "\r" in line or "\t" in line or line != line.rstrip():
                note(number, "a tab, a carriage return or a blank at the end")
        for kind, piece in tokens(self._text):
            if kind == "mark" and piece == "->":
                note(1, "MQL5 has no ->")

    def _field_expression(self, node: Node) -> None:
        operator = node.child_by_field_name("operator")
        if operator is not None and _source(operator) == "->":
            self._note(node, "MQL5 has no ->")

    def _qualified(self, node: Node) -> None:
        scope = node.child_by_field_name("scope")
        if scope is None or _source(scope) not in self._names.classes:
            self._note(node, f"the scope of {_source(node)} is no class of the sources")

    def _call(self, node: Node) -> None:
        function = node.child_by_field_name("function")
        if function is not None and function.type == "field_expression":
            self._method(function)
        if function is None or function.type != "identifier":
            return
        name = _source(function)
        if name in self._names.classes or name.startswith("Mql"):
            self._note(node, f"an object of {name} without a name: declare a variable")
        elif name not in self._names.functions and name not in _TYPES:
            self._note(node, f"{name} is neither in mql5_names.txt nor declared")

    def _method(self, function: Node) -> None:
        """The shim's texts and arrays have methods for the tests, which MQL5 has not."""
        method = function.child_by_field_name("field")
        if method is None or method.type != "field_identifier":
            return
        if _source(method) not in self._names.functions - mql5_names():
            self._note(function, f"no class of the sources has a method {_source(method)}")

    def _choice(self, node: Node) -> None:
        if node.child_by_field_name("consequence") is None:
            self._note(node, "?: without a value between")

    def _condition(self, node: Node) -> None:
        if any(child.type == "declaration" for child in node.children):
            self._note(node, "a declaration in a condition")

    def _delete(self, node: Node) -> None:
        if any(child.type == "[" for child in node.children):
            self._note(node, "delete of an array")

    def _bases(self, node: Node) -> None:
        if any(child.type == "," for child in node.children):
            self._note(node, "more than one base class")

    def _kind(self, node: Node) -> None:
        """A class, a struct or an enum: with a name, and at the top of the file."""
        what, body = _KINDS[node.type]
        inside = [child.type for child in node.children]
        if node.child_by_field_name("name") is None:
            self._note(node, f"{what} without a name")
        if node.parent is not None and node.parent.type not in _TOP:
            self._note(node, f"{what} inside something else" if body in inside else f"{what} said again before a name")
        if node.type == "enum_specifier" and {":", "class", "struct"} & set(inside):
            self._note(node, "an enum with a class or a type")

    def _destructor(self, node: Node) -> None:
        if node.parent is not None and node.parent.type == "field_expression":
            self._note(node, "a destructor that is called: use delete")

    def _block(self, node: Node) -> None:
        if node.parent is not None and node.parent.type == "parenthesized_expression":
            self._note(node, "statements as a value")

    def _define(self, node: Node) -> None:
        value = node.child_by_field_name("value")
        if value is not None and not _VALUE.fullmatch(_source(value).strip()):
            self._note(node, "a macro that is more than a number, a text or a name")

    def _parameter(self, node: Node) -> None:
        kind, declarator = node.child_by_field_name("type"), node.child_by_field_name("declarator")
        if kind is None or declarator is None:
            return
        self._pointer(kind, declarator)
        if declarator.type == "array_declarator":
            self._note(node, "an array is handed over by reference: T &name[]")
        if declarator.type == "reference_declarator" and _source(declarator).startswith("&&"):
            self._note(node, "an rvalue reference")
        if declarator.type == "identifier" and self._is_class(kind):
            self._note(node, f"{_source(kind)} is handed over by value")

    def _is_class(self, kind: Node) -> bool:
        return _source(kind) in self._names.classes or _source(kind).startswith("Mql")

    def _pointer(self, kind: Node, declarator: Node) -> None:
        # Parameters are looked at by themselves.
        pointers = [each for each in _walk(declarator, "parameter_list") if each.type == "pointer_declarator"]
        if pointers and _source(kind) not in self._names.classes - self._names.structs:
            self._note(kind, "pointers are for objects of classes only")
        if len(pointers) > 1:
            self._note(kind, "a pointer to a pointer")

    def _field(self, node: Node) -> None:
        value = node.child_by_field_name("default_value")
        abstract = any(each.type == "function_declarator" for each in node.named_children)
        if value is not None and not (abstract and _source(value) == "0"):
            self._note(node, "a member with a default value: set it in the constructor")
        self._declaration(node)

    def _declaration(self, node: Node) -> None:
        kind = node.child_by_field_name("type")
        declarators = node.children_by_field_name("declarator")
        if kind is not None and kind.type in ("class_specifier", "struct_specifier") and declarators:
            self._note(node, "a class and a variable in one")
        arrays = 0
        for declarator in declarators:
            if kind is not None:
                self._pointer(kind, declarator)
            inner = declarator.child_by_field_name("declarator") if declarator.type == "init_declarator" else declarator
            if inner is None:
                continue
            if inner.type == "reference_declarator":
                function = any(each.type == "function_declarator" for each in inner.named_children)
                self._note(node, "a function that returns a reference" if function else "a reference as a variable")
            arrays += inner.type == "array_declarator"
            self._size(inner)
            if inner.type == "function_declarator" and _is_in_function(node):
                self._note(node, "a prototype, or what looks like one, inside a function")
            if inner.type == "array_declarator" and any(c.type == "array_declarator" for c in inner.named_children):
                self._note(node, "an array of two dimensions")
            self._initializer(kind, declarator)
        if arrays and len(declarators) > 1:
            self._note(node, "more than one array in a declaration")

    def _size(self, declarator: Node) -> None:
        """An array's size is a number, or a name that stands for one."""
        size = declarator.child_by_field_name("size") if declarator.type == "array_declarator" else None
        if size is None or size.type == "number_literal":
            return
        if size.type != "identifier" or _source(size) not in self._names.constants:
            self._note(declarator, f"the size {_source(size)} of an array is no constant")

    def _initializer(self, kind: Node | None, declarator: Node) -> None:
        value = declarator.child_by_field_name("value")
        if value is not None and value.type == "argument_list":
            if kind is None or _source(kind) not in self._names.classes:
                self._note(declarator, "a value in brackets: write it with =")
            return
        if value is None or value.type != "initializer_list":
            return
        inner = declarator.child_by_field_name("declarator")
        if kind is not None and _source(kind) in _TYPES and (inner is None or inner.type != "array_declarator"):
            self._note(declarator, "braces for a value that is no array")
        between = self._text.encode()[declarator.start_byte : value.start_byte].decode()
        if "=" not in between:
            self._note(declarator, "braces without =")
        if kind is not None and _source(kind) in self._names.classes and value.named_child_count:
            self._note(declarator, "a list of values for objects")

    def _function(self, node: Node) -> None:
        kind, declarator = node.child_by_field_name("type"), node.child_by_field_name("declarator")
        if declarator is not None and declarator.type == "reference_declarator":
            self._note(node, "a function that returns a reference")
        plain = declarator is not None and declarator.type == "function_declarator"
        if kind is not None and plain and self._is_class(kind):
            self._note(node, f"{_source(kind)} is returned by value")
        ends = [child.type for child in node.children]
        if "default_method_clause" in ends or "delete_method_clause" in ends:
            self._note(node, "= default or = delete")

    def _binary(self, node: Node) -> None:
        operator = node.child_by_field_name("operator")
        if operator is None or _source(operator) not in ("+", "-"):
            return
        sides = [node.child_by_field_name(side) for side in ("left", "right")]
        kinds = [side.type for side in sides if side is not None]
        literals = {"string_literal", "number_literal", "char_literal"}
        if "string_literal" in kinds and all(kind in literals for kind in kinds):
            self._note(node, "a string literal and another literal with + between")

    def _number(self, node: Node) -> None:
        if not _NUMBER.match(_source(node).lower()):
            self._note(node, f"the number {_source(node)}")

    def _string(self, node: Node) -> None:
        text = _source(node)
        if text[0] not in "\"'":
            self._note(node, "a literal with a prefix")
        for escape in re.findall(r"\\(.)", text):
            if escape not in "\\\"'nrt":
                self._note(node, f"the escape \\{escape}")

    def _identifier(self, node: Node) -> None:
        name = _source(node)
        if name in _FORBIDDEN_WORDS:
            self._note(node, f"MQL5 sources here do without {name}")
        elif not any(name in group for group in self._values):
            self._note(node, f"{name} is neither in mql5_names.txt nor declared")

    def _type(self, node: Node) -> None:
        name = _source(node)
        listed = name.startswith(("ENUM_", "Mql")) and name in mql5_names()
        if not listed and name not in _TYPES | self._names.classes | self._names.enums:
            self._note(node, f"there is no type {name}")

    def _new(self, node: Node) -> None:
        if any(child.type == "new_declarator" for child in node.children):
            self._note(node, "new of an array")
        kind = node.child_by_field_name("type")
        if kind is not None and _source(kind) not in self._names.classes - self._names.structs:
            self._note(node, f"new {_source(kind)}: new is for objects of classes only")


def _walk(node: Node, without: str = "") -> Iterator[Node]:
    """The node and all that is in it, but what lies in nodes of the type `without`."""
    yield node
    for child in node.children:
        if child.type != without:
            yield from _walk(child, without)


def _is_in_function(declaration: Node) -> bool:
    """Constructors and destructors are declarations, too, of a class."""
    around = declaration.parent.type if declaration.parent is not None else ""
    return declaration.type == "declaration" and around not in _TOP | {"field_declaration_list"}


def _source(node: Node) -> str:
    return (node.text or b"").decode()


def check(paths: Sequence[Path]) -> list[Finding]:
    """Findings of these files; names declared in any source of the project are known."""
    everything = {path: path.read_bytes().decode() for path in {*sources(), *paths}}
    names = known(list(everything.values()))
    return [finding for path in paths for finding in Lint(path, everything[path], names).run()]


def main(arguments: Sequence[str]) -> int:
    """Print the findings; 1 if there are any."""
    findings = check([Path(each).resolve() for each in arguments] or sources())
    for finding in findings:
        print(finding)  # noqa: T201 - the output
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
