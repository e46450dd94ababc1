"""Numbers put into Plotly figures, or rows of bars, as plain dicts."""
