"""All settings: environment variables, or the same names in ``.env``. Secrets also as ``NAME_FILE``.

Only bot/ops and bot/cli read them; everybody else gets values. ``.env.example`` lists them all.
"""

import io
import ipaddress
import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed has it not

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.errors import SettingsError

SECRETS: Final = ("telegram_bot_token", "telegram_webhook_secret", "database_url", "heartbeat_url")
PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy")
NOT_USABLE: Final = (
    "names a proxy that can't be used: only HTTP proxies can, such as http://10.0.0.1:3128. Run an HTTP proxy in front "
    "of a SOCKS proxy (privoxy does that), or take the line out to connect straight."
)
# What earlier versions had: a line in the log, never a refusal to start.
RETIRED: Final = {"matcher_second_stage": "The model always hears."}
ROOT: Final = Path(__file__).parents[2]
ERASED: Final = "what this chat was about, your unanswered questions and your 👍 and 👎"


class Settings(BaseSettings):
    """See ``.env.example`` for what each does. An empty value counts as not set."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    telegram_bot_token: SecretStr | None = None
    telegram_api_base_url: str = "https://api.telegram.org/bot"
    telegram_webhook_url: str | None = None
    telegram_webhook_secret: SecretStr | None = None
    telegram_send_rate: Annotated[float, Field(ge=0, le=1000)] = 30.0
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
    https_proxy: str = ""
    http_proxy: str = ""
    all_proxy: str = ""
    no_proxy: str = ""
    _remarks: tuple[str, ...] = PrivateAttr(())
    _names: frozenset[str] = PrivateAttr(frozenset())

    @field_validator("log_level", "log_format", "web_page", mode="before")
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
        """Where the database, its key, its backups and the cache lie."""
        from bot.store import database_path

        return database_path(self.database_url).parent

    @property
    def cache_dir(self) -> Path:
        """Where vectors of the content's own lines are kept; may vanish at any time."""
        return self.weights_dir or self.data_dir / "cache"

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was written and will not do what its writer meant; one line each, with the cure."""
        unusable = [f"{name.upper()} {NOT_USABLE}" for name in PROXIES if _proxy_url(getattr(self, name)) is None]
        return (*self._remarks, *unusable)

    def has(self, name: str) -> bool:
        """Whether somebody wrote this setting down, in the environment or in ``.env``."""
        return name in self._names

    def proxy_for(self, url: str) -> str | None:
        """The HTTP proxy by which ``url`` is to be reached, None for straight. Raises SettingsError for SOCKS."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if _is_loopback(host) or proxy_bypass_environment(host, {"no": self.no_proxy}):
            return None
        name = f"{parts.scheme}_proxy" if getattr(self, f"{parts.scheme}_proxy", "") else "all_proxy"
        proxy = _proxy_url(getattr(self, name))
        if proxy is None:
            raise SettingsError(f"{name.upper()} {NOT_USABLE}")
        return proxy or None

    def secrets(self) -> tuple[str, ...]:
        """What must never stand in a log."""
        found = [self.token, self.token.partition(":")[2], self.webhook_secret, self.heartbeat_url or ""]
        found += [urlsplit(_proxy_url(getattr(self, name)) or "").password or "" for name in PROXIES]
        return tuple(secret for secret in found if secret)

    def fact(self, name: str) -> str:
        """Placeholders of the content that stand for settings; KeyError for others."""
        return {"missed_days": str(self.missed_days), "alarm_days": str(self.alarm_days), "erased": ERASED}[name]


def _proxy_url(written: str) -> str | None:
    """The address of a proxy, "" for none; None for one that speaks no HTTP. ``host:port`` counts as http."""
    scheme, separator, _ = written.partition("://")
    if separator:
        return written if scheme.lower() in ("http", "https") else None
    return f"http://{written}" if written else ""


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(env_file: Path | None = None) -> Settings:
    """Reads the environment, then ``.env``. Raises SettingsError naming each wrong setting and its cure."""
    env_file = env_file or Path(".env")
    written, remarks = _read_env_file(env_file)
    environment = {name.lower(): value for name, value in os.environ.items()}
    values = {**_with_secrets(written, str(env_file)), **_with_secrets(environment, "the environment")}
    remarks += [_unknown(name, str(env_file)) for name in written if not _is_known(name)]
    remarks += [_unknown(name, "the environment") for name in environment if name in RETIRED or _is_slip(name)]
    known = {name: value for name, value in values.items() if name in Settings.model_fields and value}
    try:
        settings = Settings(_env_file=None, **known)  # type: ignore[call-arg,arg-type]
    except ValidationError as error:
        raise SettingsError("\n".join(_line(problem) for problem in error.errors(include_input=False))) from None
    settings._remarks, settings._names = tuple(remarks), frozenset(known)
    return settings


def _read_env_file(env_file: Path) -> tuple[dict[str, str], list[str]]:
    """What is written there by name in lower case, and a remark for each line that is no setting."""
    try:
        text = env_file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}, []
    except IsADirectoryError:
        raise SettingsError(
            f"{env_file} is a folder (Docker makes one where a file to mount is missing). Remove it, or put a file there."
        ) from None
    except OSError as error:
        raise SettingsError(
            f"{env_file} can't be read by user {os.geteuid()} ({error.strerror}). Give it to the user who runs the bot: "
            f"chown {os.geteuid()} {env_file} && chmod 600 {env_file}"
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{env_file} is not a text file in UTF-8. Write it again from .env.example.") from None
    lines = list(parse_stream(io.StringIO(text)))
    settings = "".join(line.original.string for line in lines if line.value is not None)
    remarks = [
        f"{env_file}:{line.original.line}: is not NAME=value, so it does nothing."
        for line in lines
        if line.error or (line.key and line.value is None)
    ]
    return {name.lower(): value or "" for name, value in dotenv_values(stream=io.StringIO(settings)).items()}, remarks


def _with_secrets(values: Mapping[str, str], place: str) -> dict[str, str]:
    """``values`` with each secret that a NAME_FILE names read from its file."""
    found = {name: value for name, value in values.items() if value}
    for name in SECRETS:
        variable, path = f"{name.upper()}_FILE", found.pop(f"{name}_file", None)
        if not path:
            continue
        if name in found:
            raise SettingsError(f"{name.upper()} and {variable} are both set in {place}. Keep one.")
        try:
            found[name] = Path(path).read_text(encoding="utf-8-sig").strip()
        except PermissionError:
            user = os.geteuid()
            raise SettingsError(
                f"{variable}: {path} can't be read by user {user}, who runs the bot: chown {user} {path} && chmod 400 {path}"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise SettingsError(f"{variable}: {path} can't be read ({why}). Check the path.") from None
        if not found[name]:
            raise SettingsError(f"{variable}: {path} is empty. Write the value into it.")
    return found


def _is_known(name: str) -> bool:
    return name in Settings.model_fields or name.removesuffix("_file") in SECRETS


def _is_slip(name: str) -> bool:
    """Whether a variable of the environment, where most names are not ours, is meant for us."""
    ours = [known for known in Settings.model_fields if "proxy" not in known]
    return not _is_known(name) and bool(get_close_matches(name.removesuffix("_file"), ours, 1, cutoff=0.85))


def _unknown(name: str, place: str) -> str:
    if name in RETIRED:
        return f"{name.upper()} in {place} is a setting no more, so it does nothing. {RETIRED[name]} Take it out."
    near = get_close_matches(name, [*Settings.model_fields, *(f"{secret}_file" for secret in SECRETS)], 1)
    hint = f"Did you mean {near[0].upper()}?" if near else "All settings are in .env.example."
    return f"{name.upper()} in {place} is no setting, so it does nothing. {hint}"


def _line(problem: Any) -> str:
    name = str(problem["loc"][0]).upper() if problem["loc"] else "settings"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{name} {message[0].lower() + message[1:]}. See .env.example."
