"""``python -m bot``."""

import os


def main() -> None:
    # One message is too little work to share: threads of the linear algebra only wait for each other (1 ms a message with
    # one, 4 ms with two). Read when numpy is first imported, so it is said before anything else is.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    from bot.cli.main import main as run_command

    run_command()


if __name__ == "__main__":
    main()
