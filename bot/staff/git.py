"""A commit for a change, where the FAQ folder is in a git checkout that allows it."""

import subprocess
from pathlib import Path

from bot.staff.history import Change

SECONDS = 20.0
# A checkout in the middle of these belongs to the person who began it.
_BUSY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "BISECT_LOG", "index.lock")


def _git(folder: Path, *arguments: str, text: str | None = None) -> str | None:
    """Git's answer, None if it failed or there is no git."""
    try:
        done = subprocess.run(
            ["git", "-c", "core.hooksPath=/dev/null", "-c", "commit.gpgsign=false", "-C", str(folder), *arguments],
            input=text, capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def allows_commits(folder: Path) -> bool:
    """Whether ``folder`` is tracked in a checkout that nobody merges in; `git config staff.commit false` says no."""
    git_dir = _git(folder, "rev-parse", "--absolute-git-dir")
    if not git_dir or any((Path(git_dir) / name).exists() for name in _BUSY):
        return False
    is_wanted = _git(folder, "config", "--type=bool", "--default=true", "staff.commit") == "true"
    return (
        is_wanted
        and bool(_git(folder, "ls-files", "--", "clinic.yaml"))
        and bool(_git(folder, "rev-parse", "--verify", "-q", "HEAD"))
    )


def commit(folder: Path, change: Change) -> str:
    """Commits the files of ``change`` and nothing else; the commit's hash, or empty where git does not allow it."""
    paths, name = list(change.after), change.who.replace("<", "").replace(">", "") or "staff"
    if not allows_commits(folder) or _git(folder, "add", "--", *paths) is None:  # new files too
        return ""
    effects = (f"- {line}" for line in change.summary)
    message = "\n".join((change.title, "", *effects, "", f"Change {change.number} by {change.who}."))
    done = _git(
        folder, "-c", f"user.name={name}", "-c", "user.email=staff@bot.invalid", "commit", "--quiet", "--no-verify",
        "--only", "--file=-", "--", *paths, text=message,
    )  # fmt: skip
    return "" if done is None else _git(folder, "rev-parse", "HEAD") or ""
