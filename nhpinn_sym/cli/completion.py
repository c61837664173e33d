"""`nhpinn completion SHELL`: what completes the command line in bash, zsh or fish, as a script.

    source <(nhpinn completion bash)          # in ~/.bashrc
    source <(nhpinn completion zsh)           # in ~/.zshrc, after compinit
    nhpinn completion fish | source           # in config.fish

The script is made from the parser, so that it knows every command, option and choice.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from functools import cache

from ..emit.emit import TARGETS
from ..solve.backends import BACKENDS, available


@cache
def choices() -> dict[str, tuple[str, ...]]:
    """What an option takes, where argparse does not check it: the package refuses others itself,
    with its reasons. Methods and solvers are known where torch is.
    """
    found = {
        "--target": TARGETS,
        "--backend": ("auto", *BACKENDS),
        "--fem": ("auto", *(name for name, known in BACKENDS.items() if known.elements)),
        "--device": ("cpu", "cuda"),
    }
    if available("pinn"):
        from ..solve.pinn.methods import METHODS
        from ..solve.pinn.options import solver_names

        found |= {"--method": tuple(METHODS), "--solver": ("auto", *solver_names())}
    return found


def completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for bash, zsh or fish."""
    commands = dict(_commands(parser))
    if shell == "fish":
        return "\n".join(_fish(commands))
    head = ["autoload -U +X bashcompinit && bashcompinit"] if shell == "zsh" else []
    return "\n".join([*head, *_bash(commands)])


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[argparse.Action]]]:
    """Every command with its options and arguments."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield name, list(command._actions)


def _choices(action: argparse.Action) -> tuple[str, ...]:
    if action.choices is not None:
        return tuple(map(str, action.choices))
    return next((choices()[name] for name in action.option_strings if name in choices()), ())


def _bash(commands: Mapping[str, list[argparse.Action]]) -> Iterator[str]:
    yield "_nhpinn() {"
    yield '    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" words='
    yield '    case "$before" in'
    values = {
        name: _choices(action)
        for actions in commands.values()
        for action in actions
        for name in action.option_strings
        if _choices(action)
    }
    for name, choices in values.items():
        text = " ".join(choices)
        yield f'    {name}) COMPREPLY=($(compgen -W "{text}" -- "$word")); return ;;'
    yield "    esac"
    yield '    if [ "$COMP_CWORD" = 1 ]; then'
    first = " ".join([*commands, "--help", "--version"])
    yield f'        COMPREPLY=($(compgen -W "{first}" -- "$word")); return'
    yield "    fi"
    yield '    case "${COMP_WORDS[1]}" in'
    for name, actions in commands.items():
        words = [word for action in actions for word in action.option_strings]
        words += [c for action in actions if not action.option_strings for c in _choices(action)]
        yield f'    {name}) words="{" ".join(words)}" ;;'
    yield "    esac"
    yield '    COMPREPLY=($(compgen -W "$words" -- "$word") $(compgen -f -- "$word"))'
    yield "}"
    yield "complete -o filenames -F _nhpinn nhpinn"


def _fish(commands: Mapping[str, list[argparse.Action]]) -> Iterator[str]:
    listed = " ".join(commands)
    yield f"complete -c nhpinn -n __fish_use_subcommand -f -a '{listed}'"
    for name, actions in commands.items():
        head = f"complete -c nhpinn -n '__fish_seen_subcommand_from {name}'"
        for action in actions:
            marks = [
                f" -l {o[2:]}" if o.startswith("--") else f" -s {o[1:]}"
                for o in action.option_strings
            ]
            choices = " ".join(_choices(action))
            wanted = f" -x -a '{choices}'" if choices else ""
            if marks or choices:
                yield f"{head}{''.join(marks)}{wanted}{_described(action)}"


def _described(action: argparse.Action) -> str:
    """Its help, for fish."""
    text = str(action.help or "").replace("\\", "").replace("'", "")
    return f" -d '{text}'" if text else ""
