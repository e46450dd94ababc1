"""Apart: a part of a page that shares neither element ids nor channels with the rest of it, so that one thing stands on
a page twice."""

from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr
from gradio.blocks import Block, BlockContext


@contextmanager
def apart(name: str) -> Iterator[gr.Column]:
    """A column for one part of a page, as a `with` block: whatever is laid out in it has ids that begin with "<name>-".

    What is told apart in the page (assets/live.js): a bus in the column brings its frames to the components in it
    alone, and what a component looks for by an id, it looks for there. So frames, channels and handlers are the same
    in every part. Gradio's own parts keep the id they had as a class, for the style sheet. The address of the page, and
    what its browser remembers, are not the part's.
    """
    with gr.Column(elem_id=name, elem_classes="apart", min_width=0) as column:
        yield column
    _rename(column, name)


def _rename(block: BlockContext, name: str) -> None:
    child: Block
    for child in block.children:
        if child.elem_id:
            if not isinstance(child, gr.HTML):  # in these, classes of that name may stand for something inside
                child.elem_classes = [*child.elem_classes, child.elem_id]
            child.elem_id = f"{name}-{child.elem_id}"
        if isinstance(child, BlockContext):
            _rename(child, name)
