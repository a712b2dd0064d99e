"""Models of the services: equal to those that botocore's own loader reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.loaders import create_loader

from pipectl.aws.service_models import models

SERVICES = ("sts", "dynamodbstreams", "lambda")
TYPES = ("service-2", "endpoint-rule-set-1", "paginators-1")


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("kind", TYPES)
def test_a_model_is_equal_to_that_of_botocore(service: str, kind: str) -> None:
    assert models().load_service_model(service, kind) == create_loader().load_service_model(service, kind)


@pytest.mark.parametrize("name", ["endpoints", "partitions", "_retry"])
def test_data_of_all_services_are_equal_to_those_of_botocore(name: str) -> None:
    unused = models.__wrapped__()  # botocore writes into the data of the loader that finds the endpoints of others
    assert unused.load_data(name) == create_loader().load_data(name)


def test_a_model_is_parsed_once() -> None:
    assert models().load_service_model("sts", "service-2") is models().load_service_model("sts", "service-2")


def test_an_unknown_service_and_an_unknown_type_have_the_errors_of_botocore() -> None:
    with pytest.raises(UnknownServiceError):
        models().load_service_model("sts2", "service-2")
    with pytest.raises(DataNotFoundError):
        models().load_service_model("sts", "service-1")
    with pytest.raises(DataNotFoundError):
        models().load_data("nothing")


def test_models_of_the_user_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "own" / "2026-01-01"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text('{"metadata": {}}', encoding="utf-8")
    (tmp_path / "a file").touch()
    loader = type(models())([str(tmp_path), str(tmp_path / "missing")], models().file_loader)
    assert loader.load_service_model("own", "service-2") == {"metadata": {}}
    assert "a file" not in loader.list_available_services("service-2")
