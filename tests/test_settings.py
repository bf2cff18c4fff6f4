"""Settings: from the environment, from .env, from files; a wrong one is named with its cure."""

import re
from pathlib import Path

import pytest

from bot.errors import SettingsError
from bot.settings import SECRETS, Settings, load_settings

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)
    monkeypatch.chdir(tmp_path)


def test_without_anything_the_page_is_served_on_loopback() -> None:
    settings = load_settings()
    assert (settings.token, settings.has_page, settings.web_host) == ("", True, "127.0.0.1")


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TELEGRAM_BOT_TOKEN=1:file\nWEB_PORT=9000\nUNKNOWN=x\n")
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "2:environment")
    settings = load_settings()
    assert (settings.token, settings.web_port, settings.has_page) == ("2:environment", 9000, False)


def test_an_empty_value_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "")
    monkeypatch.setenv("WEB_PORT", "")
    assert load_settings().token == ""


def test_the_page_can_stand_beside_telegram(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "1:x")
    monkeypatch.setenv("WEB_PAGE", "On")
    assert load_settings().has_page


@pytest.mark.parametrize("name", SECRETS)
def test_each_secret_may_come_from_a_file_without_its_last_newline(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    value = {"telegram_bot_token": "1:x", "heartbeat_url": "https://h/x", "database_url": "sqlite:///b.db"}.get(
        name, "s"
    )
    (tmp_path / "secret").write_text(f"{value}\n")
    monkeypatch.setenv(f"{name.upper()}_FILE", str(tmp_path / "secret"))
    found = getattr(load_settings(), name)
    assert (found.get_secret_value() if hasattr(found, "get_secret_value") else found) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELEGRAM_BOT_TOKEN", "no-colon"),
        ("TELEGRAM_SEND_RATE", "fast"),
        ("TELEGRAM_SEND_RATE", "-1"),
        ("TELEGRAM_WEBHOOK_URL", "example.com"),
        ("TELEGRAM_WEBHOOK_SECRET", "with space"),
        ("WEB_PORT", "70000"),
        ("MATCHER_SECOND_STAGE", "maybe"),
        ("STAFF_USER_IDS", "111=admin"),
        ("STAFF_CHAT_ID", "the-group"),
        ("LOG_FORMAT", "xml"),
        ("HEARTBEAT_URL", "ftp://x"),
    ],
)
def test_a_wrong_setting_is_named_with_its_cure_and_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert name in str(caught.value)
    assert ".env.example" in str(caught.value)
    assert caught.value.__cause__ is None


def test_all_wrong_settings_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_PORT", "x")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert len(str(caught.value).splitlines()) == 2


def test_a_secret_set_twice_or_from_an_unreadable_file_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN_FILE", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match="can't be read"):
        load_settings()
    (tmp_path / "empty").write_text("\n")
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN_FILE", str(tmp_path / "empty"))
    with pytest.raises(SettingsError, match="is empty"):
        load_settings()
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "1:x")
    with pytest.raises(SettingsError, match="Keep one"):
        load_settings()


def test_staff_are_read_with_their_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAFF_USER_IDS", "111:admin, 222:editor")
    assert load_settings().staff_user_ids == {111: "admin", 222: "editor"}


def test_secrets_do_not_show_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "123456:very-secret")
    settings = load_settings()
    assert "very-secret" not in f"{settings!r} {settings}"
    assert "123456:very-secret" in settings.secrets()


def test_the_example_lists_every_setting_and_no_other() -> None:
    listed = set(re.findall(r"^#? ?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    known = {name.upper() for name in Settings.model_fields} | {f"{name.upper()}_FILE" for name in SECRETS}
    assert listed == known


def test_the_examples_values_are_the_defaults() -> None:
    defaults = Settings(_env_file=None)  # type: ignore[call-arg]
    for name, value in re.findall(r"^# ?([A-Z_]+)=(\S+)\s*$", (ROOT / ".env.example").read_text(), re.M):
        if name.lower() in ("log_level", "web_port", "telegram_send_rate", "backup_hours", "missed_days", "alarm_days"):
            assert str(getattr(defaults, name.lower())).removesuffix(".0") == value
