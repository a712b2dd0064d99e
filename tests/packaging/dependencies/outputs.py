"""Output of uv 0.13 and npm 11 that fail, each with the problem that pipectl reports."""

# ruff: noqa: E501 - output as it is
from __future__ import annotations

from pipectl.errors import PackageProblem

UV = {
    "no wheel at all": (
        PackageProblem.NO_WHEEL,
        """Using CPython 3.11.7 interpreter at: /usr/bin/python
error: No solution found when resolving dependencies
  cause: Because psycopg2==2.9.9 has no usable wheels and you require psycopg2==2.9.9, we can conclude that your requirements are unsatisfiable.

hint: Wheels are required for `psycopg2` because building from source is disabled for all packages (i.e., with `--no-build`)
""",
    ),
    "no wheel for the platform": (
        PackageProblem.NO_WHEEL,
        """error: No solution found when resolving dependencies
  cause: Because pywin32==311 has no wheels with a matching platform tag (e.g., `manylinux_2_34_aarch64`) and you require pywin32==311, we can conclude that your requirements are unsatisfiable.

hint: Wheels are available for `pywin32` (v311) on the following platforms: `win32`, `win_amd64`, `win_arm64`
""",
    ),
    "no wheel for the version of Python": (
        PackageProblem.NO_WHEEL,
        """error: No solution found when resolving dependencies
  cause: Because tensorflow==2.15.0 has no wheels with a matching Python ABI tag (e.g., `cp314`) and you require tensorflow==2.15.0, we can conclude that your requirements are unsatisfiable.

hint: You require CPython 3.14 (`cp314`), but we only found wheels for `tensorflow` (v2.15.0) with the following Python ABI tags: `cp39`, `cp310`, `cp311`
""",
    ),
    "another Python": (
        PackageProblem.NO_WHEEL,
        """error: No solution found when resolving dependencies
  cause: Because the requested Python version (>=3.14) does not satisfy Python>=3.8,<3.13 and
         fast==1.2 depends on Python>=3.8,<3.13, we can conclude that fast==1.2 cannot be used.
         And because you require fast==1.2, we can conclude that your requirements are unsatisfiable.
""",
    ),
    "unknown package": (
        PackageProblem.NO_PACKAGE,
        """error: No solution found when resolving dependencies
  cause: Because nonexistent was not found in the package registry and you require nonexistent==1, we can conclude that your requirements are unsatisfiable.
""",
    ),
    "unknown version": (
        PackageProblem.NO_PACKAGE,
        """error: No solution found when resolving dependencies
  cause: Because there is no version of six==99 and you require six==99, we can conclude that your requirements are unsatisfiable.
""",
    ),
    "conflict": (
        PackageProblem.CONFLICT,
        """error: No solution found when resolving dependencies
  cause: Because pydantic==2.12.4 depends on pydantic-core==2.41.5 and you require pydantic==2.12.4, we can conclude that you require pydantic-core==2.41.5.
         And because you require pydantic-core==2.0, we can conclude that your requirements are unsatisfiable.
""",
    ),
    "hash": (
        PackageProblem.HASH,
        """Resolved 1 package in 98ms
error: Failed to download `six==1.16.0`
  cause: Hash mismatch for `six==1.16.0`

         Expected:
           sha256:0000

         Computed:
           sha256:8abb
""",
    ),
    "no network": (
        PackageProblem.NO_NETWORK,
        """error: Request failed after 3 retries in 9.4s
  cause: Failed to fetch: https://host.invalid/simple/six/
  cause: error sending request for url (https://me:secret@host.invalid/simple/six/)
  cause: client error (Connect)
  cause: dns error
""",
    ),
    "offline": (
        PackageProblem.NO_NETWORK,
        """error: No solution found when resolving dependencies
  cause: Because six was not found in the cache and you require six==1.16.0, we can conclude that your requirements are unsatisfiable.

hint: Packages were unavailable because the network was disabled. When the network is disabled, registry packages may only be read from the cache.
""",
    ),
    "access denied": (
        PackageProblem.NO_ACCESS,
        """error: Failed to fetch: `https://host.invalid/simple/six/`
  cause: HTTP status client error (401 Unauthorized) for url (https://host.invalid/simple/six/)
""",
    ),
    "disk full": (
        PackageProblem.CACHE,
        """error: Failed to install: fast-1.2-py3-none-any.whl (fast==1.2)
  cause: failed to copy file from /cache/a to /target/a: No space left on device (os error 28)
""",
    ),
    "marker": (
        PackageProblem.MANIFEST,
        """error: Couldn't parse requirement in `requirements.txt` at position 11
  cause: Expected a quoted string or a valid marker name, found `foo`
         six==1.16.0; foo == 1
                      ^^^
""",
    ),
    "syntax": (
        PackageProblem.MANIFEST,
        "error: Unexpected '!', expected '-c', '-e', '-r' or the start of a requirement: requirements.txt:2:1\n",
    ),
    "something else": (
        PackageProblem.NOT_INSTALLED,
        "thread 'main' panicked\n\x1b]0;title\x07\x1b[31merror: \x1b[0mfast\x08\n" + "more\n" * 40,
    ),
    "nothing": (PackageProblem.NOT_INSTALLED, ""),
}
NPM = {
    "unknown package": (
        PackageProblem.NO_PACKAGE,
        """npm error code E404
npm error 404 Not Found - GET https://registry.invalid/nonexistent
npm error 404
npm error 404  The requested resource 'nonexistent@1' could not be found or you do not have permission to access it.
npm error 404
npm error 404 Note that you can also install from a
npm error 404 tarball, folder, http url, or git url.
npm error A complete log of this run can be found in: /root/.npm/_logs/debug-0.log
""",
    ),
    "unknown version": (
        PackageProblem.NO_PACKAGE,
        """npm error code ETARGET
npm error notarget No matching version found for left-pad@99.
npm error A complete log of this run can be found in: /root/.npm/_logs/debug-0.log
""",
    ),
    "lock file": (
        PackageProblem.MANIFEST,
        """npm error code EUSAGE
npm error
npm error `npm ci` can only install packages when your package.json and package-lock.json or npm-shrinkwrap.json are in sync. Please update your lock file with `npm install` before continuing.
npm error
npm error Missing: left-pad@1.3.0 from lock file
npm error
npm error Clean install a project
npm error
npm error Usage:
npm error npm ci
npm error
npm error Options:
npm error [--install-strategy <hoisted|nested|shallow|linked>] [--legacy-bundling]
""",
    ),
    "conflict": (
        PackageProblem.CONFLICT,
        """npm error code ERESOLVE
npm error ERESOLVE unable to resolve dependency tree
npm error
npm error Found: react@17.0.0
npm error Could not resolve dependency:
npm error peer react@"^18.0.0" from react-dom@18.0.0
""",
    ),
    "no network": (
        PackageProblem.NO_NETWORK,
        """npm error code ECONNREFUSED
npm error syscall connect
npm error FetchError: request to http://user:secret@host.invalid/left-pad failed, reason: connect ECONNREFUSED
npm error     at ClientRequest.<anonymous> (/lib/index.js:130:14)
""",
    ),
    "offline": (
        PackageProblem.NO_NETWORK,
        """npm error code ENOTCACHED
npm error request to https://registry.invalid/left-pad failed: cache mode is 'only-if-cached'
""",
    ),
    "access denied": (PackageProblem.NO_ACCESS, "npm error code E401\nnpm error Incorrect or missing password.\n"),
    "platform": (
        PackageProblem.NO_WHEEL,
        """npm error code EBADPLATFORM
npm error notsup Unsupported platform for @img/sharp-darwin-x64@0.33.5: wanted {"os":"darwin","cpu":"x64"}
""",
    ),
    "hash": (PackageProblem.HASH, "npm error code EINTEGRITY\nnpm error sha512-abc integrity checksum failed\n"),
    "name": (PackageProblem.MANIFEST, 'npm error code EINVALIDPACKAGENAME\nnpm error Invalid package name "L P!"\n'),
    "disk full": (PackageProblem.CACHE, "npm error code ENOSPC\nnpm error nospc There is not enough space\n"),
    "something else": (PackageProblem.NOT_INSTALLED, "npm error must provide string spec\n"),
}
