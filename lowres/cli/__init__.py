"""The command line: one file for each group of commands. Only this package prints.

Nothing heavy is imported before a command needs it.
"""

import errno
import shlex
import sys
from types import TracebackType

import rich_click as click

from lowres.cli.advising import advise
from lowres.cli.answering import export, predict, report
from lowres.cli.auditing import audit
from lowres.cli.comparing import compare
from lowres.cli.demonstrating import demo
from lowres.cli.evaluating import evaluate
from lowres.cli.listing import bases
from lowres.cli.making import check, fetch, run, schema
from lowres.cli.sharing import croissant, share, verify
from lowres.cli.starting import doctor, explain, init

# Errors of the system when a file cannot be written, with the remedy; any other OSError is a bug of lowres.
UNWRITABLE = {
    errno.EACCES: "choose a place that you may write to",
    errno.EPERM: "choose a place that you may write to",
    errno.EROFS: "choose a place that can be written",
    errno.EFBIG: "the disk takes no file so large: choose another one",
    errno.ENOSPC: "the disk is full: make room, or choose another disk",
    errno.EDQUOT: "your share of the disk is used up: make room, or choose another disk",
    errno.ENOTDIR: "a file stands where a folder is meant",
    errno.ENAMETOOLONG: "choose a shorter name",
}
OUT_OF_MEMORY = (
    "the memory does not suffice (close other programs, or choose a smaller base, or shorter or fewer texts at once)"
)
# In the order of a first week with lowres; the help page shows them so.
GROUPS = {
    "From texts to a model": (init, check, run, fetch),
    "With a finished run": (predict, report, evaluate, compare, demo, export),
    "For others": (share, verify, croissant),
    "What to choose": (advise, audit, bases),
    "Help": (doctor, explain, schema),
}
COMMANDS = tuple(command for commands in GROUPS.values() for command in commands)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="lowres", prog_name="lowres")
def lowres() -> None:
    """Adapt multilingual language models to languages with almost no data.

    Start with:  lowres run quickstart  or, for your own texts,  lowres init
    """


for title, commands in GROUPS.items():
    for command in commands:
        lowres.add_command(command)
    click.command_panel(title, commands=[str(command.name) for command in commands])(lowres)


def main() -> None:
    """Run a command. Exit status: 0 done, 2 the user's input is at fault, 1 a bug of lowres, 130 interrupted."""
    from lowres.errors import LowresError

    sys.excepthook = _show_bug
    try:
        lowres.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        _say_stopped(error)
    except LowresError as error:
        from lowres.cli.own_pip import with_own_pip
        from lowres.cli.safe_text import clean

        for problem in error.problems:
            click.echo(with_own_pip(clean(str(problem))), err=True)
        sys.exit(2)
    except SystemExit as error:
        if isinstance(
            error.__context__, BrokenPipeError
        ):  # whoever reads what is printed, such as head, has had enough
            sys.exit(0)
        raise
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        from lowres.cli.safe_text import clean

        where = f"{error.filename}  " if error.filename else ""
        click.echo(clean(f"{where}{error.strerror} ({UNWRITABLE[error.errno]})"), err=True)
        sys.exit(2)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        click.echo(OUT_OF_MEMORY, err=True)
        sys.exit(2)


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice. What a command never needed is not loaded to tell."""
    if isinstance(error, MemoryError) or "torch" not in sys.modules:
        return isinstance(error, MemoryError)
    from lowres.training.memory import out_of_memory

    return out_of_memory(error)


def _show_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a traceback, which can hold names from any file, without characters that a terminal reacts to."""
    from traceback import format_exception

    from lowres.cli.safe_text import clean

    click.echo(clean("".join(format_exception(kind, error, trace))), err=True, nl=False)


def _say_stopped(error: BaseException) -> None:
    """Say what is left of a command that was stopped, and end with the status of its signal: 130 for Ctrl-C, 143, 129."""
    from lowres.errors import Interrupted

    while not isinstance(error, Interrupted):
        if (cause := error.__cause__ or error.__context__) is None:
            click.echo("\nstopped", err=True)
            sys.exit(130)
        error = cause
    again = f":\n  lowres {shlex.join(sys.argv[1:])}" if str(error) else ""
    click.echo(f"\n{error or 'stopped'}{again}", err=True)
    sys.exit(128 + error.number)
