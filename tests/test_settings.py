"""Settings: from the environment, from .env, from files; a wrong one is named with its cure."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot.errors import SettingsError
from bot.ops.settings import SECRETS, Settings, load_settings

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        for variable in (name, name.upper(), f"{name.upper()}_FILE"):
            monkeypatch.delenv(variable, raising=False)
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


@pytest.mark.parametrize("name", SECRETS)
def test_a_file_of_a_secret_may_be_named_in_dot_env_too(tmp_path: Path, name: str) -> None:
    values = {"telegram_bot_token": "1:x", "heartbeat_url": "https://h/x", "database_url": "sqlite:///b.db"}
    (tmp_path / "secret").write_text(f"\ufeff{values.get(name, 's')}\r\n", encoding="utf-8")
    (tmp_path / ".env").write_text(f"export {name.upper()}_FILE='{tmp_path / 'secret'}'\n")
    found = getattr(load_settings(), name)
    assert (found.get_secret_value() if hasattr(found, "get_secret_value") else found) == values.get(name, "s")


def test_a_file_named_in_dot_env_that_is_missing_is_refused_and_the_environment_wins_over_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("TELEGRAM_BOT_TOKEN_FILE=/nowhere/token\n")
    with pytest.raises(SettingsError, match="TELEGRAM_BOT_TOKEN_FILE: /nowhere/token can't be read"):
        load_settings()
    (tmp_path / ".env").write_text("TELEGRAM_BOT_TOKEN=1:file\n")
    (tmp_path / "secret").write_text("2:environment")
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN_FILE", str(tmp_path / "secret"))
    assert load_settings().token == "2:environment"


def test_a_folder_in_place_of_dot_env_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(SettingsError, match="is a folder"):
        load_settings()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_dot_env_of_another_user_is_one_line_and_its_cure_in_every_command(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    (tmp_path / ".env").write_text("TELEGRAM_BOT_TOKEN=1:x\n")
    (tmp_path / ".env").chmod(0o600)
    script = (
        "import os, pathlib; os.setuid(10001)\n"
        "from bot.errors import SettingsError\n"
        "from bot.ops.settings import load_settings\n"
        "try: load_settings(pathlib.Path('.env'))\n"
        "except SettingsError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import bot.ops.settings, dotenv.main\n" + script],
        cwd="/", capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: os.chdir(tmp_path), check=False,
    )  # fmt: skip
    assert "can't be read by user 10001" in done.stdout, done.stderr
    assert "chown 10001 .env" in done.stdout


def test_what_is_no_setting_is_told_with_the_nearest_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "WEB_HOTS=0.0.0.0\nTOKEN_BOT_TELEGRAM_FIEL=x\nCOLOUR=red\njust words\nLOG_LEVEL: debug\nFAQ_DIR\n"
    )
    monkeypatch.setenv("WEB_PROT", "9000")
    monkeypatch.setenv("HTTP_PROXYS", "x")
    monkeypatch.setenv("MATCHER_SECOND_STAGE", "off")
    told = "\n".join(load_settings().remarks)
    assert "WEB_HOTS in .env is no setting, so it does nothing. Did you mean WEB_HOST?" in told
    assert "COLOUR in .env is no setting" in told
    assert "WEB_PROT in the environment is no setting, so it does nothing. Did you mean WEB_PORT?" in told
    assert [line for line in (4, 5, 6) if f".env:{line}: is not NAME=value" in told] == [4, 5, 6]
    assert "MATCHER_SECOND_STAGE in the environment is a setting no more, so it does nothing." in told
    assert len(told.splitlines()) == 8
    assert "PATH" not in told


@pytest.mark.parametrize(
    ("written", "url", "proxy"),
    [
        ({"https_proxy": "http://p:1"}, "https://api.telegram.org/bot", "http://p:1"),
        ({"HTTPS_PROXY": "10.0.0.1:3128"}, "https://api.telegram.org/bot", "http://10.0.0.1:3128"),
        ({"ALL_PROXY": "http://p:1"}, "https://api.telegram.org/bot", "http://p:1"),
        ({"ALL_PROXY": "http://a:1", "HTTPS_PROXY": "http://p:1"}, "https://api.telegram.org/bot", "http://p:1"),
        ({"ALL_PROXY": "http://p:1"}, "http://10.0.0.9:8081/bot", "http://p:1"),
        ({"ALL_PROXY": "http://p:1"}, "http://127.0.0.1:8081/bot", None),
        ({"HTTPS_PROXY": "http://p:1"}, "http://10.0.0.9:8081/bot", None),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": "telegram.org"}, "https://api.telegram.org/bot", None),
        ({}, "https://api.telegram.org/bot", None),
    ],
)
@pytest.mark.parametrize("is_in_file", [False, True])
def test_the_proxy_of_environment_or_dot_env_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: dict[str, str], url: str, proxy: str, is_in_file: bool
) -> None:
    for name, value in written.items():
        if is_in_file:
            with (tmp_path / ".env").open("a") as file:
                file.write(f"{name}={value}\n")
        else:
            monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.proxy_for(url) == proxy
    assert settings.remarks == ()


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "socks://10.0.0.1:1", "SOCKS4a://h:1"])
def test_a_socks_proxy_is_refused_in_words_where_it_would_be_used(tmp_path: Path, proxy: str) -> None:
    (tmp_path / ".env").write_text(f"HTTPS_PROXY={proxy}\nALL_PROXY=http://10.0.0.1:3128\n")
    settings = load_settings()
    assert "HTTPS_PROXY names a proxy that can't be used" in settings.remarks[0]
    with pytest.raises(SettingsError, match="SOCKS"):
        settings.proxy_for("https://api.telegram.org/bot")
    assert settings.proxy_for("http://10.0.0.9/") == "http://10.0.0.1:3128"


def test_the_password_of_a_proxy_is_a_secret(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ALL_PROXY=user:very-secret@10.0.0.1:3128\n")
    assert "very-secret" in load_settings().secrets()


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
