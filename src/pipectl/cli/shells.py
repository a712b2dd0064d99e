"""Shell completion: the scripts for the shells, and the answers to the questions that the scripts ask.

Completion never asks AWS, prints nothing on stderr, and imports only the module of the command that is typed. The
protocol is click's: a script runs `pipectl` with the typed line in environment variables.
"""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, suppress
from typing import Any

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ShellComplete, ZshComplete

from pipectl.cli.completing import VARIABLE

_BASH = """\
_pipectl_completion() {
    local IFS=$'\\n' reply type value word
    reply=$(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD="$COMP_CWORD" _PIPECTL_COMPLETE=bash "$1" 2>/dev/null) || return
    while IFS=$'\\t' read -r type value _; do
        case $type in
            file) compopt -o default ;;
            dir) compopt -o dirnames ;;
            plain) printf -v word %q "$value"; COMPREPLY+=("$word") ;;
        esac
    done <<< "$reply"
}
if ((BASH_VERSINFO[0] > 4 || BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4)); then
    complete -o nosort -F _pipectl_completion pipectl
else
    echo "pipectl: completion needs bash 4.4 or later, this is $BASH_VERSION" >&2
fi
"""

_ZSH = """\
#compdef pipectl
_pipectl() {
    local reply line
    local -a item plain described
    [[ $PREFIX == --*=* ]] && compset -P '*='
    reply=$(COMP_WORDS="${(F)words}" COMP_CWORD=$((CURRENT - 1)) _PIPECTL_COMPLETE=zsh ${~words[1]} 2>/dev/null)
    for line in "${(@f)reply}"; do
        item=("${(@s:\t:)line}")
        case $item[1] in
            file) _files ;;
            dir) _files -/ ;;
            plain)
                if [[ -n $item[3] ]]; then
                    described+=("${item[2]//:/\\\\:}:$item[3]")
                else
                    plain+=("$item[2]")
                fi ;;
        esac
    done
    (( $#described )) && _describe -V pipectl described
    (( $#plain )) && compadd -V pipectl -a plain
}
if [[ $funcstack[1] == _pipectl ]]; then
    _pipectl "$@"  # a saved script runs as the function that it defines
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
    compdef _pipectl pipectl
fi
"""

_FISH = """\
function __pipectl_completion
    set -l words (commandline -opc)
    set -l line (commandline -cp)
    set -l word (commandline -ct)
    for item in (env COMP_WORDS=$line COMP_CWORD=$word _PIPECTL_COMPLETE=fish $words[1] 2>/dev/null)
        set -l parts (string split \\t -- $item)
        switch $parts[1]
            case file
                __fish_complete_path $word
            case dir
                __fish_complete_directories $word
            case plain
                printf '%s\\t%s\\n' $parts[2] $parts[3]
        end
    end
end
complete --command pipectl --no-files --keep-order --arguments '(__pipectl_completion)'
"""


class _Lines(ShellComplete):
    """Answers with a line for each item: type, value and help, separated by tabs."""

    def format_completion(self, item: CompletionItem[Any]) -> str:
        return "\t".join(" ".join(str(part).split("\n")) for part in (item.type, item.value, item.help or ""))


class _Bash(_Lines, BashComplete):
    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the incomplete one, and this one. Bash splits ``--option=value`` into three words."""
        args, incomplete = super().get_completion_args()
        joined: list[str] = []
        for word in args:
            if joined and joined[-1].startswith("--") and (word == "=" or joined[-1].endswith("=")):
                joined[-1] += word
            else:
                joined.append(word)
        if joined and joined[-1].startswith("--"):
            joined[-1] = joined[-1].removesuffix("=")
        return joined, incomplete


class _Zsh(_Lines, ZshComplete):
    source_template = _ZSH


class _Fish(_Lines, FishComplete):
    source_template = _FISH

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Return the items. Fish replaces the whole of ``--option=value``."""
        found = super().get_completions(args, incomplete)
        option, equals, _ = incomplete.rpartition("=")
        if not option.startswith("--"):
            return found
        return [CompletionItem(f"{option}{equals}{each.value}", each.type, each.help) for each in found]


_SHELLS: dict[str, type[ShellComplete]] = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}
SHELLS = tuple(_SHELLS)


def script(shell: str) -> str:
    """Return the script that a shell runs to complete `pipectl`."""
    return _SHELLS[shell].source_template


def answer(program: click.Command, shell: str) -> int:
    """Print the completions of the line in the environment; print nothing if an error prevents it."""
    with redirect_stderr(io.StringIO()), suppress(Exception):
        print(_SHELLS[shell](program, {}, "pipectl", VARIABLE).complete())
        sys.stdout.flush()
    return 0
