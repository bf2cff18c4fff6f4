"""What lies in deploy/ and docs/running.md fits the code."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from bot.metrics import Metrics
from bot.settings import Settings

ROOT = Path(__file__).parent.parent
SETTINGS = {name.upper() for name in Settings.model_fields} | {f"{name.upper()}_FILE" for name in Settings.model_fields}


def test_alerts_name_only_metrics_that_exist() -> None:
    metrics = Metrics()
    gauges = "inbox_waiting outbox_waiting oldest_waiting_seconds ready last_backup_timestamp_seconds"
    metrics.gauges |= {name: lambda: 0.0 for name in gauges.split()}
    metrics.api_errors["x"] = 1
    known = set(re.findall(r"^(bot_\w+)", metrics.render().decode(), re.M))
    rules = yaml.safe_load((ROOT / "deploy/alerts.yaml").read_text())["groups"][0]["rules"]
    used = {name for rule in rules for name in re.findall(r"bot_\w+", rule["expr"])}
    assert used <= known
    assert all(rule["annotations"]["cure"] for rule in rules)


def test_the_service_makes_every_gauge_the_alerts_use() -> None:
    source = (ROOT / "bot/service.py").read_text()
    for name in ("ready", "oldest_waiting_seconds", "last_backup_timestamp_seconds"):
        assert f'"{name}"' in source


@pytest.mark.parametrize(
    "path", ["deploy/Dockerfile", "deploy/compose.yaml", "deploy/back-spasm-bot.service", "docs/running.md"]
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


def test_commands_named_in_the_manual_exist() -> None:
    from typer.main import get_command

    from bot.cli import app

    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    named = set(re.findall(r"python -m bot (\w+)", (ROOT / "docs/running.md").read_text()))
    assert named <= known
