"""Endpoints as tools: what is said of one that streams, and answers in JSON."""

import json
from collections.abc import Iterator

from playground.api.tools import LAST, described, in_json


def streams(text: str) -> Iterator[str]:
    """Letters, one after another.

    Args:
        text: any.
    """
    yield from text


def answers(text: str) -> str:
    """A text.

    Args:
        text: any.
    """
    return text


class Server:
    """What of Gradio's server is asked."""

    def postprocess_output_data(self, data: list[object], root_url: str) -> list[str]:
        return [str(one) for one in data]


def test_what_streams_says_before_its_arguments_that_the_last_answer_alone_comes() -> None:
    assert described(answers) == "A text.\n\nArgs:\n    text: any."
    assert described(streams) == f"Letters, one after another.\n\n{LAST}\n\nArgs:\n    text: any."


def test_answers_are_json_of_this_server_alone() -> None:
    server, other = Server(), Server()
    answer = {"token": "“诗”", "turn": None, "done": True, "p": 0.1}
    in_json(server)
    (told,) = server.postprocess_output_data([answer], "")
    assert json.loads(told) == answer and "诗" in told
    assert other.postprocess_output_data([answer], "") == [str(answer)]
