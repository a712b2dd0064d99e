"""Corrections of moto's versions and aliases of functions. moto takes them up where it differs from Lambda.

- A mapping of an alias keeps the alias's ARN; moto stores the ARN of the version that the alias names. Mappings are
  listed by their present function, named or by its ARN; moto compares with the text that the mapping was created with.
- The numbers of versions are never used again; moto counts the versions that are left.
- A version that an alias names cannot be deleted; the code of a conflict is that of Lambda.
- A version is published when something has changed since the last one, and not otherwise.
"""

from __future__ import annotations

from typing import Any

from moto.awslambda import models
from moto.awslambda.exceptions import ConflictException, LambdaClientError

_backend, _storage = models.LambdaBackend, models.LambdaStorage
_create_mapping, _update_mapping = _backend.create_event_source_mapping, _backend.update_event_source_mapping
_list_mappings = _backend.list_event_source_mappings
_publish, _delete, _create_alias = _storage.publish_version, _storage.del_function, _storage.put_alias


def _conflict(message: str) -> Exception:
    error: Exception = LambdaClientError("ResourceConflictException", message)
    vars(error)["code"] = 409
    return error


def apply() -> None:
    """Correct moto in this process."""
    _backend.create_event_source_mapping = _created
    _backend.update_event_source_mapping = _updated
    _backend.list_event_source_mappings = _listed
    _storage.publish_version = _published
    _storage.del_function = _deleted
    _storage.put_alias = _alias_created


def _created(backend: Any, spec: dict[str, Any]) -> Any:
    return _named(_create_mapping(backend, spec), spec)


def _updated(backend: Any, uuid: str, spec: dict[str, Any]) -> Any:
    return _named(_update_mapping(backend, uuid, spec), spec)


def _named(mapping: Any, spec: dict[str, Any]) -> Any:
    _, _, qualifier = str(spec.get("FunctionName", "")).partition(":function:")[2].partition(":")
    if mapping and qualifier:
        mapping.function_arn = spec["FunctionName"]
    if mapping:
        mapping.function_name = mapping.function_arn
    return mapping


def _listed(backend: Any, source: str, function: str) -> Any:
    if function and not function.startswith("arn:"):
        function = f"arn:aws:lambda:{backend.region_name}:{backend.account_id}:function:{function}"
    return _list_mappings(backend, source, function)


def _published(storage: Any, name: str, description: str = "") -> Any:
    function = storage.get_function_by_name_or_arn_forbid_qualifier(name)
    versions = storage._functions[function.function_name]["versions"]
    if versions and not function.code_or_config_updated:
        return versions[-1]
    number = vars(function).setdefault("last_version", 0) + 1
    function.code_or_config_updated = True
    version = _publish(storage, name, description)
    version.set_version(number)
    storage._arns[version.function_arn] = version
    function.last_version, function.code_or_config_updated = number, False
    return version


def _deleted(storage: Any, name: str, qualifier: str | None = None) -> None:
    if qualifier and qualifier in [alias.function_version for alias in storage._get_function_aliases(name).values()]:
        raise _conflict(f"Function version {qualifier} cannot be deleted because it is referenced by an alias.")
    _delete(storage, name, qualifier)


def _alias_created(storage: Any, *arguments: Any, **named: Any) -> Any:
    try:
        return _create_alias(storage, *arguments, **named)
    except ConflictException as conflict:
        raise _conflict(conflict.message) from conflict
