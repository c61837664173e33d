"""The set-up scripts, with a fake Python that records what it is asked for: when they set up, when they do not, and what they install.

Nothing is downloaded here. What the fake does is set by files in its folder (`dolfinx`: it sees DOLFINx); `calls` there is the record.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = ["examples/setup.sh", "examples/quickstart.sh", "tests/run.sh", ".ci/run"]

FAKE_PYTHON = """#!/bin/bash
state=STATE
case "$1 $2" in
"- ensurepip" | "- pip")
    if [ "$*" = "- ensurepip" ] && [ -e $state/no-ensurepip ]; then exit 1; fi
    if [ -e $state/too-old ]; then exit 1; fi
    torch=-; if [ -e "$(dirname "$0")/torch" ]; then torch=torch; fi
    if [ -e $state/dolfinx ] && [ ! -e "$(dirname "$0")/blind" ]; then echo "3.11 0.5.2 1 $torch"; else echo "3.11 - - $torch"; fi ;;
"-m venv")
    echo "${*:2:$#-2}" >>$state/calls
    mkdir -p "${@: -1}/bin"
    cp "$0" "${@: -1}/bin/python"
    printf '#!/bin/bash\\necho nhpinn "$@" >>STATE/calls\\n' >"${@: -1}/bin/nhpinn"
    chmod +x "${@: -1}/bin/nhpinn" ;;
"-m pip")
    echo "pip ${@:6}" >>$state/calls
    if [ -e $state/broken-pip ]; then exit 1; fi
    if [ -e $state/slow-pip ]; then sleep 0.3; fi
    if [ -e $state/killed ]; then kill -9 $PPID; fi
    touch "$(dirname "$0")/torch" ;;
"-m pytest") echo "pytest ${@:3}" >>$state/calls ;;
esac
"""


class Project:
    """A copy of the scripts with a pyproject.toml, and the fake Python that they find."""

    def __init__(self, folder: Path) -> None:
        self.root, self.state = folder / "a project", folder / "state"
        self.state.mkdir()
        for script in SCRIPTS:
            (self.root / script).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / script, self.root / script)
        (self.root / "pyproject.toml").write_text("[project]\n")
        self.python = self.state / "python3"
        self.python.write_text(FAKE_PYTHON.replace("STATE", str(self.state)))
        self.python.chmod(0o755)

    def start(self, script: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("NHPINN_", "PIP_"))}
        command = ["bash", str(self.root / script), *arguments]
        environment = {**inherited, "NHPINN_PYTHON": str(self.python), **environment}
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(script, *arguments, **environment)
        stdout, stderr = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def calls(self) -> list[str]:
        """What the fake was asked for since the last look."""
        record = self.state / "calls"
        lines = record.read_text().splitlines() if record.exists() else []
        record.unlink(missing_ok=True)
        return lines


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


VENV = "venv --system-site-packages"
JOB = "nhpinn validate examples/elliptic_2d.py --eps 1/8 -o out/elliptic_2d"


@pytest.mark.parametrize("script", SCRIPTS)
def test_syntax(script: str) -> None:
    subprocess.run(["bash", "-n", str(ROOT / script)], check=True)


@pytest.mark.parametrize("script", SCRIPTS[1:])
def test_executable(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)


def test_quickstart_sets_up_once(project: Project) -> None:
    first = project.run("examples/quickstart.sh")
    assert first.returncode == 0, first.stderr
    assert project.calls() == [VENV, f"pip {project.root} torch==2.13.0", JOB]
    second = project.run("examples/quickstart.sh")
    assert project.calls() == [JOB]
    assert second.stdout == second.stderr == ""


def test_run_passes_its_arguments_on(project: Project) -> None:
    (project.state / "dolfinx").touch()
    assert project.run("tests/run.sh", "-k", "a or b").returncode == 0
    assert project.calls() == [VENV, f"pip {project.root}[dev] torch==2.13.0 numpy>=1,<2", "pytest -n auto --dist loadfile -k a or b"]
    assert project.run("tests/run.sh").returncode == 0
    assert project.calls() == ["pytest -n auto --dist loadfile"]


def test_tests_after_quickstart_add_what_tests_need_and_nothing_the_other_way(project: Project) -> None:
    (project.state / "dolfinx").touch()
    project.run("examples/quickstart.sh")
    project.calls()
    project.run("tests/run.sh")
    assert project.calls() == [f"pip {project.root}[dev] numpy>=1,<2", "pytest -n auto --dist loadfile"]
    project.run("examples/quickstart.sh")
    assert project.calls() == [JOB]


def test_dolfinx_that_arrives_later_brings_its_numpy(project: Project) -> None:
    project.run("examples/quickstart.sh")
    project.calls()
    (project.state / "dolfinx").touch()
    project.run("examples/quickstart.sh")
    assert project.calls() == [f"pip {project.root} numpy>=1,<2", JOB]


@pytest.mark.parametrize("changed", ["pyproject.toml", "examples/setup.sh"])
def test_a_change_of_what_is_needed_sets_up_again(changed: str, project: Project) -> None:
    project.run("examples/quickstart.sh")
    project.calls()
    with (project.root / changed).open("a") as file:
        file.write("# changed\n")
    project.run("examples/quickstart.sh")
    assert project.calls() == [f"pip {project.root}", JOB]


def test_a_torch_that_was_asked_for_is_installed(project: Project) -> None:
    project.run("examples/quickstart.sh")
    project.calls()
    project.run("examples/quickstart.sh", NHPINN_TORCH="torch==2.9.1")
    assert project.calls() == [f"pip {project.root} torch==2.9.1", JOB]


def test_a_set_up_that_failed_is_done_anew(project: Project) -> None:
    (project.state / "broken-pip").touch()
    failed = project.run("examples/quickstart.sh")
    assert failed.returncode == 4
    assert "PIP_INDEX_URL" in failed.stderr
    assert JOB not in project.calls()
    (project.state / "broken-pip").unlink()
    assert project.run("examples/quickstart.sh").returncode == 0
    assert project.calls()[0] == VENV


def test_a_set_up_that_was_killed_is_done_anew(project: Project) -> None:
    (project.state / "killed").touch()
    assert project.run("examples/quickstart.sh").returncode == -9
    assert JOB not in project.calls()
    (project.state / "killed").unlink()
    assert project.run("examples/quickstart.sh").returncode == 0
    assert project.calls() == [VENV, f"pip {project.root} torch==2.13.0", JOB]


def test_a_venv_that_cannot_see_dolfinx_is_made_anew_for_the_tests(project: Project) -> None:
    project.run("examples/quickstart.sh")
    project.calls()
    (project.root / ".venv/bin/blind").touch()
    (project.state / "dolfinx").touch()
    project.run("examples/quickstart.sh")
    assert project.calls() == [JOB]
    project.run("tests/run.sh")
    assert project.calls() == [VENV, f"pip {project.root}[dev] torch==2.13.0 numpy>=1,<2", "pytest -n auto --dist loadfile"]


@pytest.mark.skipif(shutil.which("flock") is None, reason="set-ups are kept apart by flock, where there is one")
def test_two_set_ups_at_once_are_one(project: Project) -> None:
    (project.state / "slow-pip").touch()
    both = [project.start("examples/quickstart.sh") for _ in range(2)]
    assert [process.communicate() and process.returncode for process in both] == [0, 0]
    assert sorted(project.calls()) == [JOB, JOB, f"pip {project.root} torch==2.13.0", VENV]


def test_a_python_without_ensurepip_lends_its_pip(project: Project) -> None:
    (project.state / "no-ensurepip").touch()
    project.run("examples/quickstart.sh")
    assert project.calls()[0] == f"{VENV} --without-pip"


def test_no_python_says_how_to_get_one(project: Project) -> None:
    (project.state / "too-old").touch()
    failed = project.run("examples/quickstart.sh")
    assert failed.returncode == 4
    assert "python3-venv" in failed.stderr
    assert project.calls() == []


def test_no_dolfinx_says_how_to_get_it(project: Project) -> None:
    project.run("examples/quickstart.sh")
    project.calls()
    failed = project.run("tests/run.sh")
    assert failed.returncode == 4
    assert "python3-dolfinx-real" in failed.stderr
    assert "conda-forge" in failed.stderr
    assert project.calls() == []
