"""botocore's models of the services: JSON files that describe operations, endpoints and pages."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from functools import cache
from pathlib import Path

from botocore.loaders import JSONFileLoader, Loader


class _PlainJsonFiles(JSONFileLoader):
    """Reads JSON into plain dictionaries. The ordered ones of botocore take three times as long."""

    def load_file(self, file_path: str) -> object:
        with suppress(FileNotFoundError, NotADirectoryError):
            return json.loads(Path(f"{file_path}.json").read_bytes())
        with suppress(FileNotFoundError, NotADirectoryError):
            return json.loads(gzip.decompress(Path(f"{file_path}.json.gz").read_bytes()))
        return None


class _Models(Loader):
    """Finds models. botocore looks into the folder of each of its 400 services before it reads the model of one."""

    def list_available_services(self, type_name: str) -> list[str]:
        """Return the services, also those that have no model of this type."""
        del type_name
        return _folders(tuple(dict.fromkeys(self.search_paths)))  # each session of boto3 adds its path


@cache
def _folders(search_paths: tuple[str, ...]) -> list[str]:
    paths = [path for path in map(Path, search_paths) if path.is_dir()]
    return sorted({folder.name for path in paths for folder in path.iterdir() if folder.is_dir()})


@cache
def models() -> Loader:
    """Return the models, each parsed once for all sessions: otherwise half a second for each session."""
    return _Models(file_loader=_PlainJsonFiles())
