"""`completion`: print the script that completes command lines in a shell."""

from __future__ import annotations

import click

from pipectl.cli.shells import SHELLS, script


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script for the completion of command lines.

    The script completes commands, options and values: keys of resources, runtimes, roles, config files, AWS profiles
    and regions. It never asks AWS. Bash needs version 4.4 or later; macOS has 3.2.

    \b
    In the start file of your shell:
      bash, ~/.bashrc:       eval "$(pipectl completion bash)"
      zsh,  ~/.zshrc:        eval "$(pipectl completion zsh)"
      fish, ~/.config/fish/config.fish:
                             pipectl completion fish | source

    \b
    Or saved once, so that shells start faster. Bash needs the package
    bash-completion for it, zsh a folder of its $fpath:
      pipectl completion bash \\
        > ~/.local/share/bash-completion/completions/pipectl
      pipectl completion zsh > ~/.zsh/completions/_pipectl
      pipectl completion fish > ~/.config/fish/completions/pipectl.fish

    \b
    Examples:
      pipectl completion bash
      eval "$(pipectl completion zsh)"
    """
    context.find_root().obj.refuse_unused("completion")
    click.echo(script(shell), nl=False)
