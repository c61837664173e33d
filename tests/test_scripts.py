"""The set-up scripts, with a fake Python that records what it is asked for: when they set up, when
they do not, and what they install.

Nothing is downloaded here. What the fake does is set by files in its folder (`dolfinx`: it sees
DOLFINx); `calls` there is the record.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = [
    "examples/setup.sh",
    "examples/quickstart.sh",
    "tests/run.sh",
    "tests/wheel.sh",
    "tests/machines.sh",
    ".ci/run",
]

FAKE_PYTHON = """#!/bin/bash
state=STATE
case "$1 $2" in
"- ensurepip" | "- pip")
    if [ "$*" = "- ensurepip" ] && [ -e $state/no-ensurepip ]; then exit 1; fi
    if [ -e $state/too-old ]; then exit 1; fi
    torch=-; if [ -e "$(dirname "$0")/torch" ]; then torch=torch; fi
    wheel=-; if [ -e $state/wheel ]; then wheel=fits; fi
    if [ -e "$(dirname "$0")/mpirun" ]; then wheel=installed; fi
    if [ -e $state/dolfinx ] && [ ! -e "$(dirname "$0")/blind" ]; then echo "3.11 0.5.2 1 $torch -"; else echo "3.11 - - $torch $wheel"; fi ;;
"-m venv")
    echo "${*:2:$#-2}" >>$state/calls
    mkdir -p "${@: -1}/bin"
    cp "$0" "${@: -1}/bin/python"
    printf '#!/bin/bash\\necho nhpinn "$@" >>STATE/calls\\n' >"${@: -1}/bin/nhpinn"
    chmod +x "${@: -1}/bin/nhpinn" ;;
"-m pip")
    echo "pip ${@:6}" >>$state/calls
    if [ -e $state/broken-pip ]; then exit 1; fi
    if [ -e $state/no-wheel ] && [[ "$*" == *dolfinx]* ]]; then exit 1; fi
    if [[ "$*" == *dolfinx]* ]]; then touch "$(dirname "$0")/mpirun"; chmod +x "$(dirname "$0")/mpirun"; fi
    if [ -e $state/slow-pip ]; then sleep 0.3; fi
    if [ -e $state/killed ]; then kill -9 $PPID; fi
    touch "$(dirname "$0")/torch" ;;
"-m compileall") touch $state/compiled ;;
"-m pytest")
    echo "pytest ${@:3}" >>$state/calls
    if [ -e "$(dirname "$0")/mpirun" ]; then echo "$(command -v mpirun) $UCX_TLS" >>$state/calls; fi
    if [ -e $state/environment ]; then
        echo "${ATEN_CPU_CAPABILITY-} ${OPENBLAS_CORETYPE-} $OMP_NUM_THREADS" >>$state/environment
        if [ "${OPENBLAS_CORETYPE-}" = Prescott ]; then printf 'FAILED tests/test_it.py\\n1 failed\\n'; exit 1; fi
        echo "7 passed"
    fi ;;
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
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("NHPINN_", "PIP_"))
        }
        command = ["bash", str(self.root / script), *arguments]
        environment = {**inherited, "NHPINN_PYTHON": str(self.python), **environment}
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(
        self, script: str, *arguments: str, **environment: str
    ) -> subprocess.CompletedProcess[str]:
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
    assert (project.state / "compiled").exists()
    assert project.calls() == [VENV, f"pip {project.root} torch==2.13.0", JOB]
    second = project.run("examples/quickstart.sh")
    assert project.calls() == [JOB]
    assert second.stdout == second.stderr == ""


def test_run_passes_its_arguments_on(project: Project) -> None:
    (project.state / "dolfinx").touch()
    assert project.run("tests/run.sh", "-k", "a or b").returncode == 0
    assert project.calls() == [
        VENV,
        f"pip {project.root}[dev] torch==2.13.0 numpy>=1,<2",
        "pytest -n auto --dist loadfile --no-loadscope-reorder -k a or b",
    ]
    assert project.run("tests/run.sh").returncode == 0
    assert project.calls() == ["pytest -n auto --dist loadfile --no-loadscope-reorder"]


def test_tests_after_quickstart_add_what_tests_need_and_nothing_the_other_way(
    project: Project,
) -> None:
    (project.state / "dolfinx").touch()
    project.run("examples/quickstart.sh")
    project.calls()
    project.run("tests/run.sh")
    assert project.calls() == [
        f"pip {project.root}[dev] numpy>=1,<2",
        "pytest -n auto --dist loadfile --no-loadscope-reorder",
    ]
    project.run("examples/quickstart.sh")
    assert project.calls() == [JOB]


def test_dolfinx_that_arrives_later_brings_its_numpy(project: Project) -> None:
    project.run("examples/quickstart.sh")
    project.calls()
    (project.state / "dolfinx").touch()
    project.run("examples/quickstart.sh")
    assert project.calls() == [f"pip {project.root} numpy>=1,<2", JOB]


def test_a_python_that_the_wheel_of_dolfinx_fits_gets_it(project: Project) -> None:
    (project.state / "wheel").touch()
    first = project.run("examples/quickstart.sh")
    assert project.calls() == [VENV, f"pip {project.root}[dolfinx] torch==2.13.0", JOB]
    assert "DOLFINx: from PyPI" in first.stdout
    project.run("examples/quickstart.sh")
    assert project.calls() == [JOB]
    project.run("tests/run.sh")
    mpirun = f"{project.root}/.venv/bin/mpirun self,sm,tcp"
    assert project.calls() == [
        f"pip {project.root}[dev,dolfinx]",
        "pytest -n auto --dist loadfile --no-loadscope-reorder",
        mpirun,
    ]


def test_the_tests_are_set_up_on_the_wheel_where_no_other_dolfinx_is_seen(project: Project) -> None:
    (project.state / "wheel").touch()
    assert project.run("tests/run.sh", UCX_TLS="self,sm").returncode == 0
    mpirun = f"{project.root}/.venv/bin/mpirun self,sm"
    assert project.calls() == [
        VENV,
        f"pip {project.root}[dev,dolfinx] torch==2.13.0",
        "pytest -n auto --dist loadfile --no-loadscope-reorder",
        mpirun,
    ]


def test_the_wheel_is_never_put_beside_another_dolfinx(project: Project) -> None:
    (project.state / "wheel").touch()
    (project.state / "dolfinx").touch()
    project.run("tests/run.sh")
    assert project.calls() == [
        VENV,
        f"pip {project.root}[dev] torch==2.13.0 numpy>=1,<2",
        "pytest -n auto --dist loadfile --no-loadscope-reorder",
    ]


def test_without_the_wheel_scikit_fem_takes_its_place_in_the_main_job_but_not_in_the_tests(
    project: Project,
) -> None:
    """An index may lack it."""
    (project.state / "wheel").touch()
    (project.state / "no-wheel").touch()
    first = project.run("examples/quickstart.sh")
    assert first.returncode == 0 and "scikit-fem takes its place" in first.stdout
    assert project.calls() == [
        VENV,
        f"pip {project.root}[dolfinx] torch==2.13.0",
        f"pip {project.root} torch==2.13.0",
        JOB,
    ]
    project.run("examples/quickstart.sh")
    assert project.calls() == [JOB]
    failed = project.run("tests/run.sh")
    assert failed.returncode == 4 and "PIP_INDEX_URL" in failed.stderr
    assert project.calls() == [f"pip {project.root}[dev,dolfinx]"]


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
    assert project.calls() == [
        VENV,
        f"pip {project.root}[dev] torch==2.13.0 numpy>=1,<2",
        "pytest -n auto --dist loadfile --no-loadscope-reorder",
    ]


@pytest.mark.skipif(
    shutil.which("flock") is None, reason="set-ups are kept apart by flock, where there is one"
)
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
    for way in ("Python >= 3.12", "python3-dolfinx-real", "conda-forge"):
        assert way in failed.stderr
    assert project.calls() == []


def facts(python: Path) -> list[str]:
    """What the scripts see of a Python: version, DOLFINx and NumPy from outside of .venv, torch,
    wheel.
    """
    command = [
        "bash",
        "-c",
        '. "$0"; facts "$1" pip json',
        str(ROOT / "examples/setup.sh"),
        str(python),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_dolfinx_of_the_environment_is_told_from_that_of_its_python(tmp_path: Path) -> None:
    """One that lies in .venv is the wheel; one that .venv sees outside is not, and keeps the wheel
    away.
    """
    base = Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    outside = facts(base)
    assert len(outside) == 5 and outside[4] in (
        ("-",) if sys.version_info < (3, 12) or outside[1] != "-" else ("-", "fits")
    )
    subprocess.run(
        [
            str(base),
            "-m",
            "venv",
            "--system-site-packages",
            "--without-pip",
            str(tmp_path / "venv"),
        ],
        check=True,
    )
    python = tmp_path / "venv/bin/python"
    assert facts(python)[1:3] == outside[1:3]
    inside = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    package = Path(inside.stdout.strip()) / "dolfinx"
    package.mkdir()
    (package / "__init__.py").touch()
    assert facts(python)[1] == "-" and facts(python)[4] == "installed"


def test_the_wheels_tests_say_what_they_need(project: Project) -> None:
    """With nothing but a Python that is too old on PATH."""
    tools = project.state / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "cat", "cksum", "tr", "ls", "grep"):
        (tools / name).symlink_to(str(shutil.which(name)))
    (tools / "python3").symlink_to(project.python)
    failed = project.run(
        "tests/wheel.sh", PATH=str(tools), PYENV_ROOT=str(project.state), HOME=str(project.state)
    )
    assert failed.returncode == 4
    assert "pyenv install 3.12" in failed.stderr and "python3-dev gcc" in failed.stderr


def test_machines_runs_what_the_processor_can_and_says_what_it_cannot(project: Project) -> None:
    project.run("examples/quickstart.sh")
    (project.state / "cpuinfo").write_text(
        "model name\t: Old One\nflags\t\t: fpu sse4_2 avx2 fma\n"
    )
    seen = project.state / "environment"
    seen.touch()
    done = project.run(
        "tests/machines.sh", NHPINN_CPUINFO=str(project.state / "cpuinfo"), OPENBLAS_CORETYPE="Atom"
    )
    assert done.returncode == 1
    assert [line.split() for line in seen.read_text().splitlines()] == [
        ["1"],
        ["2"],
        ["default", "Prescott", "1"],
        ["default", "Prescott", "2"],
        ["avx2", "Haswell", "1"],
        ["avx2", "Haswell", "2"],
        ["avx2", "Zen", "1"],
        ["avx2", "Zen", "2"],
    ]
    table = [line.split() for line in done.stdout.splitlines()[-10:]]
    assert [row[0] for row in table] == [
        f"{name}-{k}"
        for name in ("native", "prescott", "haswell", "zen", "skylakex")
        for k in (1, 2)
    ]
    assert [row[3:] for row in table[:4]] == [
        ["7", "passed"],
        ["7", "passed"],
        ["1", "failed"],
        ["1", "failed"],
    ]
    assert "not run: this processor lacks avx512f" in done.stdout
    assert "Old One" in done.stdout and "FAILED tests/test_it.py" in done.stdout
    seen.write_text("")
    assert (
        project.run(
            "tests/machines.sh",
            "--all",
            "zen-2",
            "--",
            "-k",
            "cells",
            NHPINN_CPUINFO=str(project.state / "cpuinfo"),
        ).returncode
        == 0
    )
    assert seen.read_text().split() == ["avx2", "Zen", "2"]
    assert project.calls()[-1] == "pytest -n auto --dist loadfile -q tests -k cells"


def test_machines_knows_its_table(project: Project) -> None:
    assert "tests/run.sh sets it up" in project.run("tests/machines.sh").stderr
    project.run("examples/quickstart.sh")
    failed = project.run("tests/machines.sh", "pentium-1")
    assert failed.returncode == 4 and "skylakex-2" in failed.stderr
    assert project.run("tests/machines.sh", "--fast").returncode == 4
