"""Caches for what moto and botocore compute again for each request: a quarter of the time of the tests otherwise.

The answers stay the same, because what is kept depends on nothing but its arguments, and moto checks no signature.
"""

from __future__ import annotations

import copy
import inspect
import os
import threading
import urllib.request
from functools import cache
from typing import Any

from botocore import hooks, httpsession, regions, useragent, utils
from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.client import ClientCreator
from botocore.compat import get_current_datetime
from botocore.context import get_context
from botocore.hooks import EventAliaser, NodeList
from botocore.model import ServiceModel
from botocore.session import Session
from moto import backend_index
from moto.cloudwatch.models import CloudWatchBackend
from moto.core import models, responses, serialize
from moto.core import utils as moto_utils
from moto.core.base_backend import BaseBackend
from moto.moto_api._internal.moto_random import HEX_CHARS, MotoRandom
from moto.sqs import models as sqs_models
from werkzeug.routing import Rule

_SERVICES = {
    *("awslambda", "cloudwatch", "dynamodb", "dynamodbstreams", "iam", "kms", "logs"),
    *("resourcegroupstaggingapi", "s3", "sqs", "sts"),
}
"""Names that moto gives the services of a pipeline."""
_FUNCTIONS: list[tuple[Any, str]] = [
    (useragent, "sanitize_user_agent_string_component"),
    (responses, "method_names_from_class"),
    (responses, "camelcase_to_underscores"),
    (sqs_models, "camelcase_to_underscores"),
    (httpsession, "create_urllib3_context"),  # no server of the tests speaks TLS
    (moto_utils, "create_loader"),  # each one looks through the folders of all services
]
_ALIASER: Any = EventAliaser
_BACKEND: Any = BaseBackend
_new_name, _new_urls = _ALIASER._alias_event_name, _BACKEND.urls.fget
_metric_data: Any = CloudWatchBackend.get_metric_data
_names: dict[str, str] = {}
_urls: dict[type, Any] = {}
_new_provider: Any = vars(regions)["EndpointProvider"]
_providers: dict[tuple[int, int], tuple[Any, Any, Any]] = {}
_compile: Any = vars(Rule)["compile"]
_compiling = threading.Lock()
_accepts_kwargs: Any = vars(hooks)["accepts_kwargs"]
_register_handlers: Any = vars(Session)["_register_builtin_handlers"]
_handlers: list[Any] = []
_new_method: Any = vars(ClientCreator)["_create_api_method"]
_methods: dict[tuple[str, str], Any] = {}
_new_user_agent: Any = useragent.UserAgentString.to_string
_Trie: Any = vars(hooks)["_PrefixTrie"]
_remove_item: Any = _Trie.remove_item
_models: dict[int, tuple[ServiceModel, Any]] = {}
_Auth: Any = SigV4Auth
_sign: Any = _Auth.add_auth
_Picker: Any = serialize.XFormedAttributePicker
_new_keys: Any = _Picker.get_possible_keys
_new_proxies: Any = urllib.request.getproxies_environment


def apply() -> None:
    """Cache in this process."""
    # moto tries the address of each service in turn
    backend_index.backend_url_patterns.sort(key=lambda each: each[0] not in _SERVICES)
    for owner, name in _FUNCTIONS:
        setattr(owner, name, cache(getattr(owner, name)))
    for owner, name, replacement in (
        (_ALIASER, "_alias_event_name", _event_name),
        (regions, "EndpointProvider", _endpoint_provider),
        (hooks, "accepts_kwargs", _takes_any_name),
        (Rule, "compile", _compile_alone),
        (_BACKEND, "urls", property(_backend_urls)),
        (CloudWatchBackend, "get_metric_data", _get_metric_data),
        (_Trie, "__copy__", _copied_trie),
        (_Trie, "append_item", _append_item),
        (_Trie, "remove_item", _removed_item),
        (ClientCreator, "_load_service_model", _service_model),
        (urllib.request, "getproxies_environment", _proxies),
        (utils, "getproxies", _proxies),
        (Session, "_register_builtin_handlers", _builtin_handlers),
        (ClientCreator, "_create_api_method", _method_of_a_client),
        (useragent.UserAgentString, "to_string", _user_agent),
        (
            models,
            "RESPONSES_METHODS",
            [],
        ),  # for the package `requests`, which nobody uses: a thousand objects each time
        (_Auth, "add_auth", _signed),
        (_Picker, "get_possible_keys", _possible_keys),
        (MotoRandom, "get_random_hex", _random_hex),
        (MotoRandom, "get_random_string", _random_string),
    ):
        setattr(owner, name, replacement)


def _compile_alone(rule: Any) -> None:
    """Compile one rule at a time: `ast.parse` of Python 3.11 can fail in two threads at once."""
    with _compiling:
        _compile(rule)


def _copied_trie(trie: Any) -> Any:
    """Copy a trie of handlers without its nodes, which `_append_item` and `_removed_item` never change."""
    copied = object.__new__(type(trie))
    copied._root = trie._root
    return copied


def _append_item(trie: Any, key: str, value: Any, section: int = 1) -> None:
    """Add a handler. The nodes on its way are replaced by new ones, because other tries have them, too."""
    root = node = {**trie._root, "children": {**trie._root["children"]}}
    for part in key.split("."):
        before = node["children"].get(part) or {"chunk": part, "values": None, "children": {}}
        node["children"][part] = {**before, "children": {**before["children"]}}
        node = node["children"][part]
    node["values"] = NodeList([], [], []) if node["values"] is None else _copied_nodes(node["values"])
    node["values"][section].append(value)
    trie._root = root


def _removed_item(trie: Any, key: str, value: Any) -> None:
    trie._root = _copied_node(trie._root)
    _remove_item(trie, key, value)


def _copied_node(node: dict[str, Any]) -> dict[str, Any]:
    children = {part: _copied_node(child) for part, child in node["children"].items()}
    return {**node, "children": children, "values": node["values"] and _copied_nodes(node["values"])}


def _copied_nodes(nodes: Any) -> Any:
    return NodeList(nodes.first[:], nodes.middle[:], nodes.last[:])


def _service_model(creator: Any, name: str, version: str | None = None) -> ServiceModel:
    """Return the model of a service, one for all clients, so that each of its shapes is read once."""
    model = creator._loader.load_service_model(name, "service-2", api_version=version)
    if id(model) not in _models:
        _models[id(model)] = ServiceModel(model, service_name=name), model  # kept, so that no other one gets its id
    return _models[id(model)][0]


def _signed(auth: Any, request: Any) -> None:
    """Sign a request. The one for moto gets a header with its account, region and service, and no signature."""
    if not (models.botocore_stubber.enabled and ".amazonaws.com" in request.url and auth.credentials):
        _sign(auth, request)
        return
    request.context["timestamp"] = get_current_datetime().strftime(SIGV4_TIMESTAMP)
    auth._modify_request_before_signing(request)
    request.headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, SignedHeaders=host"


def _possible_keys(picker: Any, context: Any) -> Any:
    """Return the names that an attribute of an answer can have, which depend on its shape and the class of its object.

    They are kept with the shape.
    """
    if context.shape is None:
        return _new_keys(picker, context)
    known = vars(context.shape).setdefault("possible_keys", {})
    place = type(context.obj), context.key
    if place not in known:
        known[place] = [*_new_keys(picker, context)]
    return known[place]


def _proxies() -> dict[str, str]:
    """Return the proxies of the environment, whose variables are looked through only if one can be a proxy's."""
    names: Any = vars(os.environ)["_data"]
    return _new_proxies() if any(name.lower().endswith(b"_proxy") for name in names) else {}


def _builtin_handlers(session: Any, events: Any) -> None:
    """Register the handlers that every session has: a copy of those of the first session."""
    if not _handlers:
        _register_handlers(session, events)
        _handlers.append(copy.copy(events._emitter._handlers))
    else:
        events._emitter._handlers = copy.copy(_handlers[0])


def _method_of_a_client(creator: Any, name: str, operation: str, service_model: Any) -> Any:
    key = service_model.service_name, operation
    if key not in _methods:
        _methods[key] = _new_method(creator, name, operation, service_model)
    return _methods[key]


def _user_agent(agent: Any) -> str:
    """Return the header of a request, which is built again only when a part of it has changed."""
    context = get_context()
    values = vars(agent).copy()  # in one step, because threads share a client
    own = [frozenset(part) if isinstance(part, set) else part for name, part in values.items() if name != "kept"]
    parts = [frozenset(context.features) if context else None, *own]
    parts_before, header = values.get("kept", (None, ""))
    if parts != parts_before:
        header = _new_user_agent(agent)
        agent.kept = parts, header
    return str(header)


def _event_name(aliaser: object, name: str) -> str:
    """Return the present name of an event. All sessions have the same aliases."""
    if name not in _names:
        _names[name] = _new_name(aliaser, name)
    return _names[name]


def _backend_urls(backend: object) -> Any:
    if type(backend) not in _urls:
        _urls[type(backend)] = _new_urls(backend)
    return _urls[type(backend)]


def _endpoint_provider(ruleset_data: Any, partition_data: Any, excluded_params: Any = None) -> Any:
    """Return the rules for the endpoint of a service, which each client parses otherwise."""
    key = id(ruleset_data), id(partition_data)  # both are kept, so that no other object gets their ids
    if key not in _providers:
        provider = _new_provider(ruleset_data, partition_data, excluded_params)
        _providers[key] = provider, ruleset_data, partition_data
    return _providers[key][0]


def _takes_any_name(handler: Any) -> Any:
    """Return whether a handler of an event has `**kwargs`. A flag of its code is read sooner than its signature."""
    code = getattr(getattr(handler, "__func__", handler), "__code__", None)
    return code.co_flags & inspect.CO_VARKEYWORDS if code else _accepts_kwargs(handler)


def _get_metric_data(backend: Any, queries: list[Any], *arguments: Any, **named: Any) -> list[Any]:
    """Ask moto for metrics that have data: it looks through all periods of the others, too."""
    known = {datum.name for datum in backend.get_all_metrics()}
    empty = [query for query in queries if query.get("MetricStat", {}).get("Metric", {}).get("MetricName") not in known]
    if any("MetricStat" not in query for query in empty):  # an expression can use all of them
        return list(_metric_data(backend, queries, *arguments, **named))
    found = _metric_data(backend, [query for query in queries if query not in empty], *arguments, **named)
    answers = {each["id"]: each for each in found}
    return [answers.get(query["Id"]) or _nothing(query) for query in queries if query.get("ReturnData", True)]


def _nothing(query: Any) -> dict[str, Any]:
    stat = query["MetricStat"]
    label = query.get("Label") or f"{stat['Metric']['MetricName']} {stat['Stat']}"
    return {"id": query["Id"], "label": label, "values": [], "timestamps": [], "status_code": "Complete"}


def _random_hex(random: MotoRandom, length: int = 8) -> str:
    return "".join(map(str, random.choices(HEX_CHARS, k=length)))


def _random_string(random: MotoRandom, length: int = 20, include_digits: bool = True, lower_case: bool = False) -> str:
    pool = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" + "0123456789" * include_digits
    text = "".join(random.choices(pool, k=length))
    return text.lower() if lower_case else text
