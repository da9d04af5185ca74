"""PHP source as :mod:`~lara_queue.codegen.php_code`, read with tree-sitter; no PHP is run, and none is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lara_queue.codegen.php_code import Code, Expression, Parameter, PhpClass, Property, Scope, Trouble
from lara_queue.codegen.php_doc import DocType, doc_tags, parse_type
from lara_queue.codegen.php_values import text_of, value_of
from lara_queue.errors import MissingExtra

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

__all__ = ["read_php"]

_DECLARATIONS = {
    "class_declaration": "class",
    "trait_declaration": "trait",
    "interface_declaration": "interface",
    "enum_declaration": "enum",
}
_DEEPEST = 200


def read_php(source: bytes, path: str) -> Code:
    """What a PHP file declares.

    :param source: the file's bytes.
    :param path: how the file is named in what is said about it.
    :raises MissingExtra: tree-sitter is not installed.

    >>> [each.name for each in read_php(b"<?php namespace App\\\\Jobs; class A {}", "A.php").classes]
    ['App\\\\Jobs\\\\A']
    """
    return _Reader(path).read(_parser().parse(source).root_node)


@lru_cache(maxsize=1)
def _parser() -> Parser:
    try:
        import tree_sitter_php
        from tree_sitter import Language, Parser
    except ImportError as exc:
        raise MissingExtra("Reading PHP classes needs tree-sitter: pip install 'lara-queue[php]'.") from exc
    return Parser(Language(tree_sitter_php.language_php()))


class _Reader:
    def __init__(self, path: str) -> None:
        self.path = path
        self.code = Code()

    def read(self, root: Node) -> Code:
        if root.has_error:
            broken = _first_error(root)
            line = broken.start_point[0] + 1
            self.code.troubles.append(
                Trouble(self.path, line, "this is not PHP that can be read; what is around it was.")
            )
        self.statements(root.named_children, Scope())
        return self.code

    def statements(self, nodes: Iterable[Node], scope: Scope) -> None:
        for node in nodes:
            if node.type == "namespace_definition":
                name = node.child_by_field_name("name")
                scope = Scope(text_of(name) if name is not None else "")
                body = node.child_by_field_name("body")
                if body is not None:
                    self.statements(body.named_children, scope)
            elif node.type == "namespace_use_declaration":
                scope.uses.update(_uses(node))
            elif node.type in _DECLARATIONS:
                made = self.declaration(node, scope)
                if made is not None:
                    self.code.classes.append(made)
            elif node.type in ("if_statement", "compound_statement"):  # if (! class_exists(…)) { class … }
                self.statements(node.named_children, scope)

    def declaration(self, node: Node, scope: Scope) -> PhpClass | None:
        named = node.child_by_field_name("name")
        body = node.child_by_field_name("body")
        if named is None or body is None:
            return None
        name = f"{scope.namespace}\\{text_of(named)}".lstrip("\\")
        made = PhpClass(_DECLARATIONS[node.type], name, self.path, node.start_point[0] + 1, scope)
        for child in node.named_children:
            if child.type == "abstract_modifier":
                made.is_abstract = True
            elif child.type == "base_clause":
                bases = [scope.resolve(text_of(each)) for each in _names(child)]
                if made.kind == "interface":
                    made.interfaces += bases
                else:
                    made.parent = bases[0] if bases else None
            elif child.type == "class_interface_clause":
                made.interfaces += [scope.resolve(text_of(each)) for each in _names(child)]
        for child in body.named_children:
            if child.type == "const_declaration":
                _constants(child, made)
        made.attributes = list(self.attributes(node, made))
        comment = ""
        for child in body.named_children:
            if child.type == "comment":
                comment = text_of(child)
                continue
            self.member(child, made, comment if comment.startswith("/**") else "")
            comment = ""
        return made

    def member(self, node: Node, made: PhpClass, comment: str) -> None:
        if node.type == "use_declaration":
            made.traits += [made.scope.resolve(text_of(each)) for each in _names(node)]
        elif node.type == "property_declaration":
            made.properties += self.properties(node, made, comment)
        elif node.type == "enum_case":
            name_node, value = node.child_by_field_name("name"), node.child_by_field_name("value")
            if name_node is not None:
                read = value_of(value, made) if value is not None else None
                made.cases.append((text_of(name_node), read))
        elif node.type == "method_declaration":
            self.method(node, made, comment)

    def properties(self, node: Node, made: PhpClass, comment: str) -> Iterator[Property]:
        kinds = [child.type for child in node.named_children]
        if "static_modifier" in kinds:
            return
        documented = {name: kind for tag, kind, name in doc_tags(comment) if tag == "var"}
        for element in node.named_children:
            named = element.child_by_field_name("name") if element.type == "property_element" else None
            if named is None:
                continue
            name = text_of(named).lstrip("$")
            hooks = next((text_of(child) for child in node.named_children if child.type == "property_hook_list"), None)
            if hooks is not None and f"$this->{name}" not in hooks:
                continue  # a virtual property holds nothing
            default = element.child_by_field_name("default_value")
            yield Property(
                name,
                self.type_of(node, made.scope),
                element.start_point[0] + 1,
                _visibility(node),
                default is not None,
                None if default is None else value_of(default, made),
                documented.get(name) or documented.get(None),
            )

    def type_of(self, node: Node, scope: Scope) -> DocType | None:
        declared = node.child_by_field_name("type")
        if declared is None:
            return None
        parsed = parse_type(text_of(declared))
        return parsed[0] if parsed is not None else None

    def method(self, node: Node, made: PhpClass, comment: str) -> None:
        named, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if named is None:
            return
        name = text_of(named).lower()
        made.returns[name] = None
        if body is None:
            return
        if name == "handle":
            parameters = node.child_by_field_name("parameters")
            first = next(iter(parameters.named_children), None) if parameters is not None else None
            made.handles = self.type_of(first, made.scope) if first is not None else None
        if name == "__construct":
            self.constructor(node, body, made, comment)
        elif len(body.named_children) == 1 and body.named_children[0].type == "return_statement":
            returned = body.named_children[0].named_children
            if returned:
                value = value_of(returned[0], made)
                made.returns[name] = None if isinstance(value, Expression) else value

    def constructor(self, node: Node, body: Node, made: PhpClass, comment: str) -> None:
        documented = {name: kind for tag, kind, name in doc_tags(comment) if tag == "param"}
        made.parameters = []
        parameters = node.child_by_field_name("parameters")
        before = ""
        for each in parameters.named_children if parameters is not None else ():
            if each.type == "comment":
                before = text_of(each)
            elif each.type in ("simple_parameter", "property_promotion_parameter"):
                made.parameters.append(self.parameter(each, made, documented, before))
                before = ""
        known = {parameter.name for parameter in made.parameters}
        for statement in body.named_children:
            for expression in statement.named_children if statement.type == "expression_statement" else ():
                _notice(expression, made, known)

    def parameter(self, node: Node, made: PhpClass, documented: dict[str | None, DocType], before: str) -> Parameter:
        named, default = node.child_by_field_name("name"), node.child_by_field_name("default_value")
        name = text_of(named).lstrip("$&") if named is not None else ""
        own = {tag: kind for tag, kind, _ in doc_tags(before)} if before.startswith("/**") else {}
        return Parameter(
            name,
            self.type_of(node, made.scope),
            node.start_point[0] + 1,
            default is not None,
            None if default is None else value_of(default, made),
            _visibility(node) if node.type == "property_promotion_parameter" else None,
            own.get("var") or documented.get(name),
        )

    def attributes(self, node: Node, made: PhpClass) -> Iterator[tuple[str, list[Any]]]:
        listed = node.child_by_field_name("attributes")
        for group in listed.named_children if listed is not None else ():
            for attribute in group.named_children:
                names = _names(attribute)
                if attribute.type == "attribute" and names:
                    arguments = attribute.child_by_field_name("parameters")
                    yield made.scope.resolve(text_of(names[0])), _arguments(arguments, made)


def _first_error(root: Node) -> Node:
    """The first node that could not be parsed, or is missing."""
    node = root
    for _ in range(_DEEPEST):
        found = next((child for child in node.children if child.has_error or child.is_missing), None)
        if found is None or node.type == "ERROR":
            break
        node = found
    return node


def _constants(node: Node, made: PhpClass) -> None:
    for element in node.named_children:
        if element.type == "const_element" and len(element.named_children) >= 2:
            made.constants[text_of(element.named_children[0])] = value_of(element.named_children[-1], made)


def _names(node: Node) -> list[Node]:
    return [child for child in node.named_children if child.type in ("name", "qualified_name", "relative_name")]


def _uses(node: Node) -> Iterator[tuple[str, str]]:
    """What a ``use`` line calls what; those for functions and constants aside."""
    if any(child.type in ("function", "const") for child in node.children):
        return
    prefix = ""
    clauses: list[Node] = []
    for child in node.named_children:
        if child.type == "namespace_name":
            prefix = f"{text_of(child)}\\"
        elif child.type == "namespace_use_group":
            clauses += child.named_children
        else:
            clauses.append(child)
    for clause in clauses:
        if clause.type != "namespace_use_clause" or clause.child_by_field_name("type") is not None:
            continue
        alias = clause.child_by_field_name("alias")
        names = [child for child in clause.named_children if alias is None or child.id != alias.id]
        if names:
            whole = (prefix + text_of(names[0])).lstrip("\\")
            yield (text_of(alias) if alias is not None else whole.rpartition("\\")[2]).lower(), whole


def _visibility(node: Node) -> str:
    """The first visibility that is said; a second one is about writing."""
    for child in node.named_children:
        if child.type == "visibility_modifier" and "(" not in text_of(child):
            return text_of(child).lower()
    return "public"


def _arguments(node: Node | None, made: PhpClass) -> list[Any]:
    found = []
    for argument in node.named_children if node is not None else ():
        if argument.type == "argument" and argument.named_children:
            found.append(value_of(argument.named_children[-1], made))
    return found


def _notice(expression: Node, made: PhpClass, parameters: set[str]) -> None:
    """Remember ``$this->name = $parameter`` and ``$this->onQueue('name')``."""
    if expression.type == "assignment_expression":
        left, right = expression.child_by_field_name("left"), expression.child_by_field_name("right")
        name = _of_this(left)
        if name is None or right is None:
            return
        source = text_of(right).lstrip("$")
        if right.type == "variable_name" and source in parameters:
            made.assigned[name] = source
        elif name in ("queue", "connection"):
            made.told[name] = value_of(right, made)
    elif expression.type == "member_call_expression":
        called = expression.child_by_field_name("name")
        holder = expression.child_by_field_name("object")
        if holder is not None and holder.type == "member_call_expression":
            _notice(holder, made, parameters)
        elif holder is None or text_of(holder) != "$this":
            return
        arguments = _arguments(expression.child_by_field_name("arguments"), made)
        which = {"onqueue": "queue", "onconnection": "connection"}.get(
            text_of(called).lower() if called is not None else ""
        )
        if which is not None and len(arguments) == 1:
            made.told[which] = arguments[0]


def _of_this(node: Node | None) -> str | None:
    """The property of ``$this`` that a node is."""
    if node is None or node.type != "member_access_expression":
        return None
    holder, name = node.child_by_field_name("object"), node.child_by_field_name("name")
    if holder is None or name is None or text_of(holder) != "$this" or name.type != "name":
        return None
    return text_of(name)
