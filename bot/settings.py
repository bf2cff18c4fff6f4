"""All settings: environment variables, or the same names in ``.env``. Secrets also as ``NAME_FILE``.

Only bot/service.py and bot/cli.py read them; everybody else gets values. ``.env.example`` lists them all.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.errors import SettingsError

SECRETS: Final = ("telegram_bot_token", "telegram_webhook_secret", "database_url", "heartbeat_url")
ROOT: Final = Path(__file__).parent.parent
ERASED: Final = "what this chat was about, your unanswered questions and your 👍 and 👎"


class Settings(BaseSettings):
    """See ``.env.example`` for what each does. An empty value counts as not set."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    telegram_bot_token: SecretStr | None = None
    telegram_api_base_url: str = "https://api.telegram.org/bot"
    telegram_webhook_url: str | None = None
    telegram_webhook_secret: SecretStr | None = None
    telegram_send_rate: Annotated[float, Field(ge=0, le=1000)] = 30.0
    matcher_second_stage: Literal["auto", "off"] = "auto"
    web_host: str = "127.0.0.1"
    web_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    web_page: Literal["auto", "on", "off"] = "auto"
    database_url: str = "sqlite:///data/bot.db"
    faq_dir: Path = ROOT / "faq"
    weights_dir: Path | None = None
    staff_chat_id: int | None = None
    staff_user_ids: Annotated[dict[int, str], NoDecode] = Field(default_factory=dict)
    heartbeat_url: str | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["people", "json"] = "people"
    missed_days: Annotated[int, Field(ge=1, le=365)] = 30
    alarm_days: Annotated[int, Field(ge=1, le=3650)] = 365
    backup_hours: Annotated[int, Field(ge=0, le=168)] = 24
    backup_keep: Annotated[int, Field(ge=1, le=365)] = 7

    @field_validator("log_level", "log_format", "matcher_second_stage", "web_page", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("telegram_bot_token", mode="after")
    @classmethod
    def _token(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not re.fullmatch(r"\S+:\S+", value.get_secret_value()):
            raise ValueError(
                "is not a bot token. Copy the whole line that @BotFather gave you: digits, a colon, letters"
            )
        return value

    @field_validator("telegram_webhook_secret", mode="after")
    @classmethod
    def _webhook_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", value.get_secret_value()):
            raise ValueError("may hold 1 to 256 letters, digits, _ and - only")
        return value

    @field_validator("telegram_webhook_url", "heartbeat_url", "telegram_api_base_url", mode="after")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^\s/]+\S*", value):
            raise ValueError("must be an address that starts with https:// (or http://)")
        return value.rstrip("/") if value else value

    @field_validator("staff_user_ids", mode="before")
    @classmethod
    def _staff(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        staff: dict[int, str] = {}
        for part in filter(None, re.split(r"[,\s]+", value)):
            match = re.fullmatch(r"(\d+):((?:admin|reviewer|editor)(?::[^,\s:]{1,40})?)", part)
            if match is None:
                raise ValueError("must look like 111:admin:Anna,222:reviewer:Ben,333:editor (the name may be left out)")
            staff[int(match[1])] = match[2]
        return staff

    @property
    def token(self) -> str:
        """The bot token, "" without one."""
        return self.telegram_bot_token.get_secret_value() if self.telegram_bot_token else ""

    @property
    def webhook_secret(self) -> str:
        return self.telegram_webhook_secret.get_secret_value() if self.telegram_webhook_secret else ""

    @property
    def has_page(self) -> bool:
        """Whether patients get the chat page: without a token always, beside Telegram when WEB_PAGE says so."""
        return self.web_page == "on" or (self.web_page == "auto" and not self.token)

    @property
    def data_dir(self) -> Path:
        """Where the database, its key, its backups and learned weights lie."""
        from bot.store import database_path

        return database_path(self.database_url).parent

    @property
    def cache_dir(self) -> Path:
        """Where learned weights are kept by hash of content and code; may vanish at any time."""
        return self.weights_dir or self.data_dir / "cache"

    def secrets(self) -> tuple[str, ...]:
        """What must never stand in a log."""
        found = [self.token, self.token.partition(":")[2], self.webhook_secret, self.heartbeat_url or ""]
        return tuple(secret for secret in found if secret)

    def fact(self, name: str) -> str:
        """Placeholders of the content that stand for settings; KeyError for others."""
        return {"missed_days": str(self.missed_days), "alarm_days": str(self.alarm_days), "erased": ERASED}[name]


def load_settings(env_file: Path | None = None) -> Settings:
    """Reads the environment, then ``.env``. Raises SettingsError naming each wrong setting and its cure."""
    env_file = env_file or Path(".env")
    try:
        secrets = _secret_files()
        return Settings(_env_file=env_file if env_file.is_file() else None, **secrets)  # type: ignore[call-arg]
    except ValidationError as error:
        raise SettingsError("\n".join(_line(problem) for problem in error.errors(include_input=False))) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{env_file} is not a text file. Write it again from .env.example.") from None


def _secret_files() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in SECRETS:
        variable = f"{name.upper()}_FILE"
        path = os.environ.get(variable)
        if not path:
            continue
        if os.environ.get(name.upper()):
            raise SettingsError(f"{name.upper()} and {variable} are both set. Keep one.")
        try:
            found[name] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"{variable}: {path} can't be read ({type(error).__name__}). Check the path and who may read it."
            ) from None
        if not found[name]:
            raise SettingsError(f"{variable}: {path} is empty. Write the value into it.")
    return found


def _line(problem: Any) -> str:
    name = str(problem["loc"][0]).upper() if problem["loc"] else "settings"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{name} {message[0].lower() + message[1:]}. See .env.example."
