"""What a new user sees, from the built wheel in an empty folder to a bundle that another verifies: writes docs/transcript.md.

Two environments of their own hold the wheel and see the libraries of this one; each has its own home and cache, and, where the system
allows it, no network. The texts are catalogues of Django (BSD-3-Clause), which the extra `messages` installs.
"""

import argparse
import os
import shlex
import shutil
import site
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import django
import polib

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "transcript.md"
INTRODUCTION = """\
# From the wheel to a verified bundle

What a new user sees: the wheel, built from this source, in an empty folder; then a second folder with a home and a cache of its own,
as on another machine. Made by `make transcript`, with {network}, on {cores} cores. `messages.po` is Django's catalogue of Upper
Sorbian, translated by its volunteers; `auth.po` is another part of Django, of which the translations were taken out.

The recipe is the one that `lowres init` writes. With so few messages the model is no better than a phrase table, and the run says so
itself. The machine was busy with other work, so the times say little.
"""
FIRST = """\
lowres init messages.po --task translation --from eng-Latn --to hsb-Latn --licence BSD-3-Clause \\
    --source "the messages of Django 5.2, translated by its volunteers" --name "Django in Upper Sorbian"
cat recipe.yaml
lowres check recipe.yaml --threads 1
lowres run recipe.yaml --out django-hsb --threads 1
lowres predict django-hsb "Enter a number." "Please log in again." --threads 1
lowres predict django-hsb auth.po --out auth.hsb.po --threads 1
lowres share django-hsb django-hsb.zip
"""
SECOND = """\
lowres verify django-hsb.zip
lowres verify django-hsb.zip --data . --threads 1
lowres predict django-hsb.zip "Enter a number." "Please log in again." --yes --threads 1
rm messages.po
lowres run django-hsb.zip --yes
"""


def wheel(folder: Path) -> Path:
    """The wheel, built from the source."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def environment(folder: Path, built: Path) -> Path:
    """A Python environment with the wheel, to which the libraries of this one are lent; returns the folder of its commands."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    commands = folder / ("Scripts" if os.name == "nt" else "bin")
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    libraries = Path(subprocess.check_output([commands / "python", "-c", ask], text=True).strip())
    (libraries / "lent.pth").write_text("\n".join(site.getsitepackages()) + "\n", encoding="utf-8")
    install = [
        "-m",
        "pip",
        "--python",
        str(commands / "python"),
        "install",
        "--no-deps",
        "--no-index",
        "--quiet",
        str(built),
    ]
    subprocess.run([sys.executable, *install], check=True)
    return commands


def without_network() -> list[str]:
    """The command that starts another one without a network; empty where that is not allowed."""
    command = ["unshare", "--net"]
    allowed = shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0
    return command if allowed else []


def told(commands: str, place: Path, programs: Path, home: Path, alone: list[str]) -> str:
    """Commands, one after the other, each with what it prints."""
    home.mkdir()
    known = {
        name: value for name, value in os.environ.items() if name in ("LANG", "LC_ALL", "OMP_NUM_THREADS", "TMPDIR")
    }
    variables = known | {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(home), "COLUMNS": "100"}
    lines = []
    for command in commands.replace("\\\n", "\0").splitlines():
        began = time.monotonic()
        words = [*alone, *shlex.split(command.replace("\0", " "))]
        done = subprocess.run(
            words,
            cwd=place,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        print(f"{time.monotonic() - began:6.0f} s  {command.split(chr(0))[0]}", file=sys.stderr)
        shown = done.stdout.replace(str(home), "~").rstrip("\n").splitlines()
        lines += ["$ " + command.replace("\0", "\\\n"), *(f"{line}".rstrip() for line in shown)]
        lines += [f"[ends with {done.returncode}]"] if done.returncode else []
    return "".join(f"    {line}\n" if line else "\n" for line in "\n".join(lines).splitlines())


def texts(place: Path) -> None:
    """The catalogues that the user has."""
    locale = Path(django.__file__).parent
    shutil.copyfile(locale / "conf/locale/hsb/LC_MESSAGES/django.po", place / "messages.po")
    catalogue = polib.pofile(str(locale / "contrib/auth/locale/hsb/LC_MESSAGES/django.po"))
    for entry in catalogue:
        entry.msgstr, entry.msgstr_plural = "", dict.fromkeys(entry.msgstr_plural, "")
    catalogue.save(str(place / "auth.po"))


def main() -> None:
    """Build, use, share, verify, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PAGE)
    out = parser.parse_args().out
    alone = without_network()
    with tempfile.TemporaryDirectory(prefix="lowres-transcript-") as name:
        folder = Path(name)
        built = wheel(folder)
        for part in ("one", "two"):
            (folder / part).mkdir()
        texts(folder / "one")
        first = told(FIRST, folder / "one", environment(folder / "env-one", built), folder / "home-one", alone)
        for file in ("django-hsb.zip", "messages.po"):
            shutil.copyfile(folder / "one" / file, folder / "two" / file)
        second = told(SECOND, folder / "two", environment(folder / "env-two", built), folder / "home-two", alone)
    network = "the network off" if alone else "the network on"
    page = INTRODUCTION.format(network=network, cores=os.cpu_count())
    page += f"\n## Where it is trained\n\n{first}\n## Elsewhere, with `django-hsb.zip` and `messages.po`\n\n{second}"
    out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
