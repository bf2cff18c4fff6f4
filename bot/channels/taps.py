"""What a tapped button says in words."""

from bot.assistant.replies import Action


def is_about_question(action: str) -> bool:
    """Whether the tap says something about the question that was answered ("not my question", "none of these")."""
    return action == Action.NONE_OF_THESE or action.startswith("f:-:")


def utterance(action: str, label: str, question: str) -> str:
    """The text of a tap's Message: ``label`` as if it had been typed, or the ``question`` that the tap is about."""
    return question if is_about_question(action) else label
