"""Numbers put into what the page draws: words, charts and rows, for every picture; no Gradio."""
