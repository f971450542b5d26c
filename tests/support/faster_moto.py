"""moto and botocore with what they work out anew for each request kept: the answers are the same.

Most tests of the ledger and of the commands make tens of requests, and nothing else in them takes as long.
"""

import pickle
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import botocore.useragent
import moto.core.responses
from moto.core.serialize import XFormedAttributePicker
from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser
from moto.dynamodb.parsing.expressions import UpdateExpressionParser

Keys = Callable[[XFormedAttributePicker, Any], Iterator[str]]


def keep_what_requests_have_in_common() -> None:
    """Keep the model of each service, the actions of each handler, and under which names a member may be found."""
    for name in ("get_service_model", "method_names_from_class"):
        setattr(moto.core.responses, name, cache(getattr(moto.core.responses, name)))
    cleaned = botocore.useragent.sanitize_user_agent_string_component
    botocore.useragent.sanitize_user_agent_string_component = cache(cleaned)
    picker: Any = XFormedAttributePicker
    picker.get_possible_keys = kept_keys(picker.get_possible_keys)


def kept_keys(find: Keys) -> Keys:
    """Return what finds the names of a member once for each type of object: they do not depend on its values."""
    known: dict[Any, tuple[str, ...]] = {}

    def possible_keys(picker: XFormedAttributePicker, context: Any) -> Iterator[str]:
        asked = (type(context.obj), context.shape, context.key)
        if asked not in known:
            known[asked] = tuple(find(picker, context))
        return iter(known[asked])

    return possible_keys


def read_update_expressions_once() -> None:
    """Keep each update expression as it was read, and go through it with fewer calls."""
    parser: Any = UpdateExpressionParser
    parser.make = cache(parser.make)  # who changes an expression does so with a copy
    changed: Any = validators
    changed.deepcopy = lambda tree: pickle.loads(pickle.dumps(tree))
    # These two look at all that is below a node: the topmost is enough.
    changed.ActionCountValidator.traverse = changed.ActionCountValidator.verify_action_counts
    changed.OverlappingPathsValidator.traverse = changed.OverlappingPathsValidator.check_for_overlapping_paths
    DepthFirstTraverser.traverse = lambda traverser, node: processed(traverser, traverser.nodes_to_be_processed(), node)


def processed(traverser: Any, kinds: tuple[type, ...], node: Any, number: int = -1) -> Any:
    """Do what moto's traverser does: process the nodes of these kinds, from the bottom to the top."""
    parent = node.parent
    for place, child in enumerate(node.children or ()):
        traverser.pre_processing_of_child(node, place)
        if hasattr(child, "children"):
            processed(traverser, kinds, child, place)
    if isinstance(node, kinds):
        node = traverser.process(node)
        node.parent = parent
        if parent:
            parent.children[number] = node
    return node
