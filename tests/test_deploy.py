"""What lies in deploy/ and docs/running.md fits the code."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml
from small_faq import make_faq
from under_seccomp import is_possible, read_filter

from bot.delivery.metrics import Metrics
from bot.ops.settings import Settings

ROOT = Path(__file__).parent.parent
UNIT = (ROOT / "deploy/back-spasm-bot.service").read_text()
COMPOSE = (ROOT / "deploy/compose.yaml").read_text()
IS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
SETTINGS = {name.upper() for name in Settings.model_fields} | {f"{name.upper()}_FILE" for name in Settings.model_fields}


def test_alerts_name_only_metrics_that_exist() -> None:
    metrics = Metrics()
    gauges = "hearing inbox_waiting outbox_waiting oldest_waiting_seconds ready last_backup_timestamp_seconds"
    metrics.gauges |= {name: lambda: 0.0 for name in gauges.split()}
    metrics.api_errors["x"] = 1
    known = set(re.findall(r"^(bot_\w+)", metrics.render().decode(), re.M))
    rules = yaml.safe_load((ROOT / "deploy/alerts.yaml").read_text())["groups"][0]["rules"]
    used = {name for rule in rules for name in re.findall(r"bot_\w+", rule["expr"])}
    assert used <= known
    assert all(rule["annotations"]["cure"] for rule in rules)


def test_the_service_makes_every_gauge_the_alerts_use() -> None:
    source = (ROOT / "bot/ops/service.py").read_text()
    for name in ("ready", "hearing", "oldest_waiting_seconds", "last_backup_timestamp_seconds"):
        assert f'"{name}"' in source


@pytest.mark.parametrize("path", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda path: path.name)
def test_a_workflow_runs_code_of_others_by_its_hash_alone_and_may_write_no_code(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"]["contents"] == "read"
    used = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", one) for one in used)


SERIES = """\
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: 'bot_ready{{job="north", instance="a:8080"}}', values: "1+0x20 _x40"}}
      - {{series: 'bot_ready{{job="south", instance="b:8080"}}', values: "1+0x60"}}
    alert_rule_test:
      - {{eval_time: 15m, alertname: BotIsGone, exp_alerts: []}}
      - eval_time: 40m
        alertname: BotIsGone
        exp_alerts:
          - exp_labels: {{job: north, instance: "a:8080", severity: page}}
            exp_annotations: {annotations}
"""


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool here (apt-get install prometheus)")
def test_one_dead_bot_among_several_is_told_whatever_its_job_is_called(tmp_path: Path) -> None:
    path = ROOT / "deploy/alerts.yaml"
    (rule,) = (r for r in yaml.safe_load(path.read_text())["groups"][0]["rules"] if r["alert"] == "BotIsGone")
    (tmp_path / "test.yaml").write_text(SERIES.format(rules=path, annotations=rule["annotations"]))
    done = subprocess.run(
        ["promtool", "test", "rules", tmp_path / "test.yaml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_alert_depends_on_the_name_of_a_job() -> None:
    rules = yaml.safe_load((ROOT / "deploy/alerts.yaml").read_text())["groups"][0]["rules"]
    assert not [rule["alert"] for rule in rules if "job=" in rule["expr"]]


@pytest.mark.parametrize(
    "path",
    [
        "deploy/Dockerfile",
        "deploy/compose.yaml",
        "deploy/back-spasm-bot.service",
        "deploy/service.env",
        "docs/running.md",
    ],
)
def test_settings_named_there_exist(path: str) -> None:
    ours = re.compile(r"\b((?:TELEGRAM|WEB|DATABASE|FAQ|LOG|HEARTBEAT|BACKUP|MISSED|ALARM|STAFF|MATCHER)_[A-Z_]+)\b")
    assert set(ours.findall((ROOT / path).read_text())) <= SETTINGS


def test_files_named_in_the_dockerfile_and_compose_exist() -> None:
    for source in re.findall(r"^COPY (?!--from)(\S+)", (ROOT / "deploy/Dockerfile").read_text(), re.M):
        assert (ROOT / source).exists()
    compose = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]["bot"]
    assert compose["read_only"]
    assert compose["cap_drop"] == ["ALL"]
    assert (ROOT / "deploy" / compose["build"]["context"] / compose["build"]["dockerfile"]).exists()


def test_what_the_dockerfile_copies_is_in_the_context_and_no_secret_is() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    for source in re.findall(r"^COPY (?!--from)(\S+)", (ROOT / "deploy/Dockerfile").read_text(), re.M):
        assert source.split("/")[0] in let_in
    assert let_in.isdisjoint({"deploy", ".env", "data", ".git", ".venv"})


def test_no_secret_of_a_documented_place_can_be_committed() -> None:
    for name in ("deploy/secrets/telegram_bot_token", ".env", "data/bot.db"):
        done = subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT, check=False)
        if done.returncode == 128:
            pytest.skip("not a git checkout")
        assert done.returncode == 0, name


def run_as_container(folder: Path, script: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs Python as the container's user in ``folder``."""
    uid = re.search(r"--uid (\d+)", (ROOT / "deploy/Dockerfile").read_text())
    assert uid
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o711)  # so that the other user comes through
    script = f"import os, encodings.utf_8_sig, bot.ops.settings, bot.store, bot.staff.folder, dotenv.main\nos.setuid({uid[1]})\n{script}"
    return subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip


@IS_ROOT
def test_the_token_made_as_documented_can_be_read_by_the_containers_user_alone(tmp_path: Path) -> None:
    token = tmp_path / "deploy/secrets/telegram_bot_token"
    token.parent.mkdir(parents=True)
    (command,) = set(re.findall(r"sudo (install -m \d+ -o \d+ /dev/stdin \S+telegram_bot_token)", COMPOSE))
    assert command in (ROOT / "docs/running.md").read_text()
    subprocess.run(command.split(), input="1:token\n", text=True, cwd=tmp_path, check=True)
    script = "print(bot.ops.settings.load_settings().token)"
    done = run_as_container(tmp_path, script, TELEGRAM_BOT_TOKEN_FILE=str(token))
    assert done.stdout == "1:token\n", done.stderr
    assert token.stat().st_mode & 0o077 == 0


@IS_ROOT
def test_staffs_edits_can_be_written_where_the_compose_file_puts_the_content(tmp_path: Path) -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    faq, data = services["bot"]["environment"]["FAQ_DIR"], services["bot"]["volumes"][0].partition(":")[2]
    assert services["content"]["command"] == ["init", "--once"]
    assert services["content"]["environment"]["FAQ_DIR"] == faq
    assert faq.startswith(f"{data}/")
    assert "content" in services["bot"]["depends_on"]
    (tmp_path / "data").mkdir(mode=0o700)
    os.chown(tmp_path / "data", 10001, 10001)
    script = (
        "from pathlib import Path; from bot.staff.starting import start_content; from bot.staff.folder import *\n"
        f"list(start_content(Path('.{faq}'))); assert unwritable_folder(Path('.{faq}')) is None\n"
        f"folder = Folder(Path('.{faq}')); now = folder.read()['clinic.yaml']\n"
        "folder.write({'clinic.yaml': now + b'#'}, {'clinic.yaml': now}); print('written')"
    )
    done = run_as_container(tmp_path, script)
    assert done.stdout == "written\n", done.stderr


def test_service_and_commands_read_one_file() -> None:
    """What only the unit knew, a command beside it would not know."""
    assert not re.search(r"^Environment=.*(DATABASE_URL|FAQ_DIR)", UNIT, re.M)
    assert "EnvironmentFile" not in UNIT
    settings = dict(re.findall(r"^([A-Z_]+)=(\S+)", (ROOT / "deploy/service.env").read_text(), re.M))
    state = re.search(r"^StateDirectory=(\S+)", UNIT, re.M)
    assert state
    assert settings["DATABASE_URL"].startswith(f"sqlite:////var/lib/{state[1]}/")
    assert settings["FAQ_DIR"].startswith(f"/var/lib/{state[1]}/")
    token = re.search(r"^LoadCredential=\w+:(\S+)", UNIT, re.M)
    assert token
    assert settings["TELEGRAM_BOT_TOKEN_FILE"] == token[1]


def test_the_dockerfile_runs_without_root() -> None:
    text = (ROOT / "deploy/Dockerfile").read_text()
    assert re.search(r"^USER bot$", text, re.M)
    assert "HEALTHCHECK" in text


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_the_unit_is_one_that_systemd_takes() -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(ROOT / "deploy/back-spasm-bot.service")],
        capture_output=True,
        text=True,
    )
    assert "Unknown" not in done.stderr


UNDER_FILTER = pytest.mark.skipif(not is_possible(), reason="no systemd-analyze or libseccomp here")


def under_filter(folder: Path, *arguments: str) -> "tuple[list[str], dict[str, str]]":
    """The command, under the unit's own filter, and its environment; in it the shipped settings by other paths."""
    script = [sys.executable, str(ROOT / "tests/under_seccomp.py"), str(ROOT / "deploy/back-spasm-bot.service")]
    environment = re.findall(r"^Environment=((?:[A-Z_]+=[\w.]+ ?)+)$", UNIT, re.M)[0].split()
    more = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "WEIGHTS_DIR": os.environ["WEIGHTS_DIR"],
        "DATABASE_URL": f"sqlite:///{folder}/bot.db", "FAQ_DIR": f"{folder}/faq", "WEB_PORT": "0", "LOG_FORMAT": "json",
    }  # fmt: skip
    return [*script, sys.executable, *arguments], dict(pair.split("=") for pair in environment) | more


@contextmanager
def started(folder: Path) -> Iterator[str]:
    """The bot as the unit starts it; the page's address."""
    for line in re.findall(r"^ExecStartPre=\S+ (.+)$", UNIT, re.M):
        command, environment = under_filter(folder, *line.split())
        subprocess.run(command, env=environment, cwd=folder, check=True)
    (line,) = re.findall(r"^ExecStart=\S+ (.+)$", UNIT, re.M)
    command, environment = under_filter(folder, *line.split())
    with subprocess.Popen(command, env=environment, cwd=folder, stderr=subprocess.PIPE, text=True) as bot:
        try:
            assert bot.stderr
            address = next(
                (found[1] for line in bot.stderr if (found := re.search(r'"address": ?"([^"]+)"', line))), ""
            )
            yield address
        finally:
            bot.terminate()
            bot.communicate()
    assert bot.returncode == 0, f"it ended with {bot.returncode}"


@UNDER_FILTER
def test_the_unit_answers_and_checks_edits_under_its_own_system_call_filter(tmp_path: Path) -> None:
    make_faq(tmp_path)
    with started(tmp_path) as address:
        assert address, "it did not start"
        asked = httpx.post(
            f"{address}messages", data={"text": "i have chest pain"}, headers={"accept": "application/json"}
        )
        assert "Call 999 now" in asked.json()["items"][-1]["html"]
    shutil.copytree(tmp_path / "faq", tmp_path / "before")
    file = tmp_path / "faq/clinic.yaml"
    file.write_text(file.read_text() + "# edited\n")
    command, environment = under_filter(tmp_path, "-m", "bot", "diff", str(tmp_path / "before"))
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "killed" in done.stdout) == (0, False), done.stdout + done.stderr


@UNDER_FILTER
def test_a_call_outside_the_filter_is_an_error_and_kills_nothing() -> None:
    allowed, _ = read_filter(UNIT)
    assert {"mbind", "setpriority", "sched_setaffinity"} <= allowed
    assert {"chroot", "mount", "ptrace", "reboot", "setuid"}.isdisjoint(allowed)
    script = "import os\ntry: os.chroot('/')\nexcept PermissionError: print('not permitted')"
    command, environment = under_filter(ROOT, "-c", script)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "not permitted\n", done.stderr


def test_commands_named_in_the_manual_exist() -> None:
    from typer.main import get_command

    from bot.cli.main import app

    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    named = set(re.findall(r"python -m bot (\w+)", (ROOT / "docs/running.md").read_text()))
    assert named <= known
