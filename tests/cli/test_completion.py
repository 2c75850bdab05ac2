"""Completion in a real shell: what it offers for a line that somebody has begun to type."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from etl.reports.loader import load_reports


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the command, and completion installed as the help says, for each shell."""
    home = tmp_path_factory.mktemp("home")
    command = home / "bin" / "accesslake"
    command.parent.mkdir()
    program = "import sys; sys.argv[0] = 'accesslake'; from etl.cli import main; main()"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{program}" "$@"\n')
    command.chmod(0o755)
    # The shell is the one that the command is called by.
    shown = run(home, "accesslake --install-completion; true")
    assert "bash completion installed" in shown
    return home


def run(home: Path, script: str) -> str:
    path = f"{home}/bin:{os.environ['PATH']}"
    environment = {**os.environ, "HOME": str(home), "PATH": path}
    done = subprocess.run(["/bin/bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def completed(home: Path, line: str) -> list[str]:
    """What bash offers for the last word of a line, by the file that its start-up file reads."""
    words = " ".join(f"'{word}'" for word in line.split(" "))
    script = f"""
    source ~/.bashrc
    COMP_WORDS=({words}) COMP_CWORD={line.count(" ")}
    _accesslake_completion accesslake
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    return run(home, script).split()


def test_bash_completes_commands_options_and_values(home: Path) -> None:
    """Commands, options, values of which there are a few, reports of ours and of one's own, sections."""
    assert completed(home, "accesslake rep") == ["reports", "report"]
    assert completed(home, "accesslake ingest --exit") == ["--exit-code-if-nothing-new"]
    assert completed(home, "accesslake report website/pages --format js") == ["json", "jsonl"]
    assert completed(home, "accesslake ingest --engine ") == ["local", "spark"]
    assert completed(home, "accesslake findings --fail-on ") == ["alarm", "notice"]
    assert completed(home, "accesslake schema access") == ["access_log"]
    assert completed(home, "accesslake reports lif")[0] == "lifecycle"
    (home / "own").mkdir()
    (home / "own" / "mine.sql").write_text("no report yet")
    assert completed(home, f"accesslake report --sql-dir {home}/own mi") == ["mine"]
    # Where there is nothing to offer, bash completes files.
    assert completed(home, "accesslake sql --lake acc") == []


def test_all_reports_are_offered(home: Path) -> None:
    """Those that `accesslake reports` lists, in its order, though no file is read for it."""
    assert completed(home, "accesslake report ") == list(load_reports())


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_script_is_one_for_other_shells(home: Path, shell: str) -> None:
    """What is shown there can be read by the shell; where the machine has it."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = run(home, f"{shell} -c 'accesslake --show-completion; true'")
    assert f"complete_{shell}" in script
    (home / "script").write_text(script)
    run(home, f"{shell} -n ~/script")
