"""The machine that packages are installed for."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

_GLIBC = {"python3.11": "manylinux2014"}
"""Platforms of uv for older machines: Amazon Linux 2 has glibc 2.26, and uv knows 2.17 and 2.28."""
_NEWER_GLIBC = "manylinux_2_34"
"""Amazon Linux 2023. Source: "Lambda runtimes" in the AWS Lambda Developer Guide."""
_UV_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
_NPM_MACHINES = {"arm64": "arm64", "x86_64": "x64"}
_MACHINES = {"aarch64": "arm64", "amd64": "x86_64"}


@dataclass(frozen=True)
class Target:
    """A runtime on a kind of machine.

    Args:
        runtime: The name of the runtime, such as ``python3.14``.
        architecture: ``arm64`` or ``x86_64``: the function's on Lambda.
        local: This machine, in the Python or Node.js that is here, instead of Lambda's machines.
    """

    runtime: str
    architecture: str
    local: bool = False

    def __str__(self) -> str:
        if self.local:
            return f"this machine ({self.machine}, Python {platform.python_version()})"
        return f"{self.runtime} on {self.architecture}"

    @property
    def machine(self) -> str:
        """The architecture that binaries are for, as Lambda names it."""
        if not self.local:
            return self.architecture
        machine = platform.machine().lower()
        return _MACHINES.get(machine, machine)

    @property
    def key(self) -> str:
        """Everything about the target that the packages depend on."""
        if not self.local:
            return f"{self.runtime} {self.architecture}"
        libc = "-".join(platform.libc_ver())
        return f"{sys.implementation.cache_tag} {sys.platform} {platform.machine()} {libc} {sys.base_prefix}"

    def uv_options(self) -> list[str]:
        """Return uv's options for this target."""
        options = ["--python", sys.executable]
        if self.local:
            return options
        version = self.runtime.removeprefix("python")
        machine = f"{_UV_MACHINES[self.architecture]}-{_GLIBC.get(self.runtime, _NEWER_GLIBC)}"
        return [*options, "--python-version", version, "--python-platform", machine]

    def npm_options(self) -> list[str]:
        """Return npm's options for this target."""
        if self.local:
            return []
        return ["--os=linux", f"--cpu={_NPM_MACHINES[self.architecture]}", "--libc=glibc"]
